"""The models read and write exactly the core's JSON, and refuse what would have to be guessed."""

import inspect
import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import rewards.models as models
import typed_usage
from core_examples import WORKSPACE, printed_by
from pydantic import TypeAdapter, ValidationError
from rewards import InvalidError
from rewards.models import Fault, Model, Money, Program, Purchase, RegisterMember
from rewards.operations import OPERATIONS

BINDING = Path(__file__).parent.parent
CODEGEN = BINDING / "codegen" / "models.py"
PROGRAMS = sorted((WORKSPACE / "examples" / "programs").glob("*.toml"))
BY_NAME = {operation.name: operation for operation in OPERATIONS}

MONEY = '{"amount":"12.30","asset":"EUR"}'
PURCHASE = (
    '{"id":"p1","member":"ada","program":"club","occurred_at":"2026-03-01T12:00:00.250Z",'
    f'"total":{MONEY},"discounts":{MONEY},"channel":"app","tags":["b","a"],'
    f'"lines":[{{"amount":{MONEY},"sku":"s","quantity":3}}],"attributes":{{"a":"1","b":"ü"}}}}'
)
DECISION = (
    '{"program":"club","revision":1,"digest":"04af","grants":[{"rule":"base","line":0,'
    f'"desired":{MONEY},"granted":{MONEY},"clipped_by":"cap","pending":false,'
    '"available_at":"2026-03-01T12:00:00Z"}],'
    f'"totals":[{MONEY}]}}'
)
FACTS = f'{{"program":"club","member":"ada","amount":{MONEY},"occurred_at":"2026-03-01T12:00:00Z","keys":{{"device":"d1"}}}}'
CLAIMS = (
    '{"issuer":"club","member":"ada","merchant":"shop","expires_at":"2026-03-02T12:00:00Z",'
    '"begins_at":"2026-03-01T12:00:00Z","issued_at":"2026-03-01T12:00:00Z","token":"t1",'
    f'"holder_key":"{"ab" * 32}","amount":{MONEY},"spend_max":{MONEY},"spends_max":10,"categories":["grocery"],'
    '"refused_categories":["gambling"],"device":"phone"}'
)
OUTCOME = (
    '{"decision":"review","score":65,"contributions":[{"rule":"large","value":1230,"points":60},{"rule":"new","points":5}],'
    '"lists":[{"list":"odd","then":"review"}],"unknown":["often"],"snoozed":["far"]}'
)
REVIEW = (
    '{"payment":"pay-1","program":"club","member":"ada","score":65,"state":"decided","owner":"jo","decision":"approve",'
    '"opened_at":"2026-03-01T12:00:00Z","expires_at":"2026-03-02T12:00:00Z","decided_at":"2026-03-01T13:00:00Z"}'
)
TEMPLATE = '{"template":{"guid":"com.example","fields":[{"id":1,"value":"7"}]}}'
MERCHANT_QR = (
    '{"format":2,"initiation":"dynamic","accounts":[{"id":2,"value":{"text":"4761"}},'
    f'{{"id":26,"value":{TEMPLATE}}}],"category":"5812","currency":"MYR","amount":"12.30","tip":{{"fixed":"1.00"}},'
    '"country":"MY","name":"KOPITIAM","city":"IPOH","postal_code":"30000","additional":{"bill_number":"b",'
    '"mobile_number":"***","store_label":"s","loyalty_number":"l","reference_label":"r","customer_label":"c",'
    '"terminal_label":"t","purpose":"p","consumer_data":"ME","tax_id":"x","channel":"123","others":[{"id":50,"value":"o"}]},'
    '"language":{"language":"zh","name":"咖啡店","city":"怡保","others":[{"id":3,"value":"o"}]},'
    f'"others":[{{"id":82,"value":{TEMPLATE}}}]}}'
)
ISSUED_QR = (
    f'{{"qr":"q1","member":"ada","kind":"merchant","text":"000201","amount":{MONEY},"scans":"once","state":"cancelled",'
    '"created_at":"2026-03-01T12:00:00Z","expires_at":"2026-03-01T12:15:00Z","scanned":1,'
    '"last_scan":{"scanned_at":"2026-03-01T12:01:00Z","by":"bob"},"cancelled_at":"2026-03-01T12:02:00Z"}'
)
SCHEMES = ",".join(
    (
        '{"duitnow":{"acquirer":"501664","merchant":"1","descriptor":"d","mobile_number":"m"}}',
        '{"promptpay":{"phone":"0066801234567","national_id":"1111111111111","e_wallet":"w","bank_account":"b"}}',
        '{"promptpay_bill":{"biller":"0112233445566","reference":"r","second_reference":"s"}}',
        '{"paynow":{"proxy_type":"2","proxy":"202012345X","is_editable":"1","expiry":"20261231"}}',
        '{"sgqr":{"number":"1","version":"01.0001","postal_code":"828671","revised":"20261231","level":"01","unit":"2",'
        '"place":"p"}}',
        '{"qris":{"merchant":"ID1","pan":"9360091530302325170","criteria":"UMI"}}',
        '{"pix":{"key":"k","message":"m","url":"u"}}',
    )
)
LINE = (
    f'{{"seq":7,"id":"018f3e2a-0000-7000-8000-000000000001","kind":"grant","amount":{MONEY},'
    '"from":{"holder":"system","purpose":"funding:rewards","asset":"EUR"},'
    '"to":{"holder":{"member":"ada"},"purpose":"cashback","asset":"EUR"},'
    '"effective_at":"2026-03-01T12:00:00Z","recorded_at":"2026-03-01T12:00:00.000001Z",'
    '"origin":{"program":"club","revision":1,"rule":"base"},"hash":"ab"}'
)
ADDED_LINE = f'{{"amount":{MONEY},"sku":"cd","quantity":2}}'
MISSING = ",".join(
    f'{{"failed":"rules[0].when","change":{change}}}'
    for change in (
        f'{{"add_line":{{"line":{ADDED_LINE}}}}}',
        f'{{"raise_line":{{"line":1,"pieces":2,"amount":{MONEY}}}}}',
        f'{{"raise_total":{{"amount":{MONEY}}}}}',
        f'{{"spend_in_window":{{"amount":{MONEY}}}}}',
        '{"more_purchases":{"count":3}}',
    )
)
EXPLANATION = ",".join(
    f'{{"rule":"r","outcome":{outcome}}}'
    for outcome in (
        f'{{"granted":{{"desired":{MONEY},"granted":{MONEY}}}}}',
        '"inactive","member_reason":"not_available"',
        f'{{"unmatched":{{"failed":"rules[0].when"}}}},"missing":[{MISSING}],"member_reason":"buy_more"',
        '"nothing","member_reason":"not_available"',
        f'{{"outranked":{{"desired":{MONEY}}}}},"member_reason":"other_applies"',
        '"excluded","member_reason":"other_applies"',
        f'{{"capped":{{"desired":{MONEY},"clipped_by":null}}}},"member_reason":"not_available"',
    )
)
OFFER_EXPLANATION = (
    '{"offer":"o","coupon":"l0123456789abcdef0123456789abcdef:codes-1",'
    '"outcome":{"unmatched":{"failed":"offers.list[0].when"}},'
    f'"missing":[{MISSING}],"member_reason":"spend_more"}}'
)

DEPOSIT = (
    f'{{"deposit":"d1","program":"club","member":"ada","amount":{MONEY},"provider":"card",'
    '"provider_reference":"pay-1","state":"confirmed","initiated_at":"2026-01-01T00:00:00Z",'
    '"expires_at":"2026-01-01T01:00:00Z","settled_at":"2026-01-01T02:00:00Z","late":true,"entry":7}'
)
PAYMENT_TERMS = f'{{"route":"duitnow","given":{MONEY},"fee":{MONEY},"paid_by":"sender","arrived":{MONEY}}}'
STAGE_RUN = '{"stage":"fx","version":"2.1","outcome":{"failed":"down"},"millis":12,"answer":{"rate":"1.08"}}'
PAYMENT = (
    f'{{"payment":"y1","program":"club","revision":1,"member":"ada","state":"partially_refunded","amount":{MONEY},'
    f'"terms":{PAYMENT_TERMS},"biller":"tnb","merchant":"Tenaga","category":"bills","channel":"app",'
    '"created_at":"2026-01-01T00:00:00Z","held_until":"2026-01-02T00:00:00Z",'
    '"attempts":[{"submitted_at":"2026-01-01T00:00:00Z","declined":"busy","told_at":"2026-01-01T00:01:00Z"}],'
    '"failure":{"declined":"busy"},"completed_at":"2026-01-01T00:02:00Z","reference":"bank-7","earned":true,'
    f'"stages":[{{"at":"hold","run":{STAGE_RUN}}}],'
    f'"refunds":[{{"refund":"r1","amount":{MONEY},"fee":{MONEY},"refunded_at":"2026-01-03T00:00:00Z"}}]}}'
)
ADJUSTMENT = (
    f'{{"adjustment":"a1","member":"ada","kind":"deduct","amount":{MONEY},"source":"game","lots":[1,2],'
    '"recorded_at":"2026-01-01T00:00:00Z"}'
)
TRANSFER = (
    '{"transfer":"t1","program":"club","revision":1,"rule":"cash","state":"completed","from":"ada","to":"bob",'
    f'"amount":{MONEY},"given":{MONEY},"fee":{MONEY},"arrived":{MONEY},"recorded_at":"2026-01-01T00:00:00Z"}}'
)

LEG = (
    '{"source":"ecb","day":"2026-03-02","kind":"reference","base":"EUR","quote":"USD","price":{"mid":"1.1698"},'
    '"inverse":false}'
)
TERMS = (
    f'{{"given":{MONEY},"converted":{MONEY},"fee":{MONEY},"arrived":{MONEY},"spread":{MONEY},'
    '"rate":{"mid":"1.1698","for_member":"1.14126829268","markup":"2.5%","rounding":"toward_program","source":"ecb",'
    f'"day":"2026-03-02","age_days":0,"chain":[{LEG}]}}}}'
)
CONVERSION_REFUND = (
    f'{{"refund":"r1","returned":{MONEY},"restored":{MONEY},"spread":{MONEY},"gain":{MONEY},'
    '"recorded_at":"2026-03-02T12:00:00Z"}'
)
CONVERSION = (
    '{"conversion":"c1","member":"ada","program":"club","revision":1,"rule":"travel","state":"completed",'
    f'"terms":{TERMS},"left":{MONEY},"quote":"q1","refunds":[{CONVERSION_REFUND}],'
    '"recorded_at":"2026-03-02T12:00:00Z"}'
)

# For every operation a full request and a full reply, as the core writes them.
SAMPLES = {
    "publish_program": (
        '{"program":{"id":"club","currency":"EUR","zone":"UTC","week_start":"monday",'
        '"rounding":"half_even","lifecycle":{}},"active_from":"2026-01-01T00:00:00Z"}',
        '{"program":"club","revision":1,"active_from":"2026-01-01T00:00:00Z"}',
    ),
    "list_programs": (
        '{"after":"place","limit":2}',
        '{"programs":[{"program":"club","name":"Club","newest":2,"active_from":"2026-02-01T00:00:00Z",'
        '"current":1}],"next":"place"}',
    ),
    "get_program": (
        '{"program":"club","revision":1}',
        '{"program":{"id":"club","currency":"EUR","zone":"UTC","week_start":"monday",'
        '"rounding":"half_even","lifecycle":{}},"revision":1,"active_from":"2026-01-01T00:00:00Z","newest":2}',
    ),
    "register_member": (
        '{"member":"ada","registered_at":"2026-01-01T00:00:00Z","segments":["a","b"],'
        '"attributes":{"a":"1","b":"2"}}',
        '{"member":"ada","registered_at":"2026-01-01T00:00:00Z"}',
    ),
    "update_member": (
        '{"member":"ada","segments":["a","b"],"attributes":{"a":"1"},"status":"closed","forfeit":true}',
        f'{{"member":"ada","status":"closed","forfeited":[{MONEY}]}}',
    ),
    "merge_members": (
        '{"member":"ada","into":"bob","tiers":"own"}',
        f'{{"member":"ada","into":"bob","moved":[{MONEY}],"left":[{MONEY}],"owed":[{MONEY}],"aliases":1,'
        '"tier_changes":1,"merged_at":"2026-01-01T00:00:00Z"}',
    ),
    "erase_member": (
        '{"member":"ada","forfeit":true,"after":"place"}',
        f'{{"member":"ada","erased_at":"2026-01-01T00:00:00Z","purchases":500,"forfeited":[{MONEY}],"next":"place"}}',
    ),
    "list_members": (
        '{"after":"place","limit":2}',
        '{"members":[{"member":"ada","registered_at":"2026-01-01T00:00:00Z","status":"suspended",'
        '"segments":["a"],"merged_into":"bob","merged":["eve"]}],"next":"place"}',
    ),
    "link_alias": (
        '{"member":"ada","kind":"phone","name":"+4930901820","plain":true}',
        '{"member":"ada","kind":"phone","linked_at":"2026-01-01T00:00:00Z"}',
    ),
    "unlink_alias": (
        '{"kind":"phone","name":"+4930901820","plain":true,"member":"ada"}',
        '{"member":"ada","kind":"phone"}',
    ),
    "resolve_alias": (
        '{"kind":"phone","name":"+4930901820","plain":true}',
        '{"member":"ada","status":"active","linked_at":"2026-01-01T00:00:00Z"}',
    ),
    "quote_purchase": (
        f'{{"purchase":{PURCHASE},"explain":true}}',
        f'{{"decision":{DECISION},"explanation":[{EXPLANATION}],"offers":[{OFFER_EXPLANATION}]}}',
    ),
    "record_purchase": (
        f'{{"purchase":{PURCHASE},"pinned":"04af"}}',
        f'{{"purchase":"p1","decision":{DECISION},"tier_changes":[{{"ladder":"status",'
        '"from":"base","to":"gold","at":"2026-03-01T12:00:00Z"}],"recorded_at":"2026-03-01T12:00:00Z"}',
    ),
    "confirm_purchase": (
        '{"member":"ada","purchase":"p1"}',
        f'{{"purchase":"p1","released":[{MONEY}]}}',
    ),
    "refund_purchase": (
        '{"refund":"r1","member":"ada","purchase":"p1","what":{"lines":[{"line":0,"pieces":1}]},"kind":"chargeback",'
        '"reason":"damaged"}',
        f'{{"refund":"r1","purchase":"p1","state":"recorded","amount":{MONEY},"left":{MONEY},"taken_back":[{MONEY}],'
        f'"shortfall":[{MONEY}],"owed":[{MONEY}],"tier_changes":1}}',
    ),
    "replace_purchase": (
        f'{{"refund":"r1","replaced":"p0","reason":"edited","purchase":{PURCHASE},"pinned":"04af"}}',
        f'{{"refunded":{{"refund":"r1","purchase":"p0","state":"refunded","amount":{MONEY},"left":{MONEY},'
        f'"taken_back":[{MONEY}],"shortfall":[]}},"recorded":{{"purchase":"p1","decision":{DECISION},'
        '"recorded_at":"2026-03-01T12:00:00Z"}}',
    ),
    "cancel_purchase": (
        '{"member":"ada","purchase":"p1"}',
        f'{{"purchase":"p1","taken_back":[{MONEY}],"shortfall":[]}}',
    ),
    "list_purchases": (
        '{"member":"ada","after":"place","limit":2}',
        '{"purchases":[{"purchase":"p1","member":"ada","program":"club","revision":1,"state":"cancelled",'
        f'"total":{MONEY},"occurred_at":"2026-03-01T12:00:00Z","recorded_at":"2026-03-01T12:00:00Z"}}],'
        '"next":"place"}',
    ),
    "list_refunds": (
        '{"purchase":"p1","after":"place","limit":2}',
        '{"refunds":[{"refund":"r1","member":"ada","purchase":"p1","number":1,"kind":"refund","reason":"damaged",'
        f'"amount":{MONEY},"lines":[{{"line":0,"pieces":1}}],"taken_back":[{MONEY}],"shortfall":[],'
        '"recorded_at":"2026-03-01T12:00:00Z"}],"next":"place"}',
    ),
    "get_purchase": (
        '{"purchase":"p1"}',
        f'{{"purchase":{PURCHASE},"state":"recorded","recorded_at":"2026-03-01T12:00:00Z",'
        f'"decision":{DECISION},"tier_changes":[{{"ladder":"status","from":"base","to":"gold",'
        '"at":"2026-03-01T12:00:00Z"}],"allocations":[{"rule":"base","lot":1,"lines":[{"line":0,'
        f'"amount":{MONEY}}}],"expires_at":"2027-01-01T00:00:00Z"}}]}}',
    ),
    "grant_reward": (
        f'{{"member":"ada","amount":{MONEY},"reason":"sorry","expires_at":"2027-01-01T00:00:00Z",'
        '"source":"service_recovery","reference":"a1"}',
        f'{{"amount":{MONEY},"lot":18446744073709551615}}',
    ),
    "deduct_balance": (
        f'{{"member":"ada","take":{MONEY},"reason":"fraud","source":"game","reference":"a2"}}',
        f'{{"taken":{MONEY},"lots":{{"9":{MONEY},"10":{MONEY}}}}}',
    ),
    "list_adjustments": (
        '{"member":"ada","after":"place","limit":2}',
        f'{{"adjustments":[{ADJUSTMENT}],"next":"place"}}',
    ),
    "get_adjustment": ('{"adjustment":"a1","member":"ada"}', ADJUSTMENT),
    "settle_member": (
        '{"member":"ada"}',
        f'{{"matured":[{MONEY}],"voided":[],"expired":[],"tier_changes":0,"more":false}}',
    ),
    "initiate_deposit": (
        f'{{"deposit":"d1","program":"club","member":"ada","amount":{MONEY},"provider":"card",'
        '"provider_reference":"pay-1"}',
        '{"deposit":"d1","initiated_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T01:00:00Z"}',
    ),
    "confirm_deposit": (
        f'{{"deposit":"d1","message":"{{}}","signature":"{"0a" * 32}","timestamp":1767225600,"key":"card-1"}}',
        f'{{"deposit":"d1","member":"ada","state":"confirmed","amount":{MONEY},"late":true,"entry":7,'
        '"settled_at":"2026-01-01T00:00:00Z"}',
    ),
    "list_deposits": (
        '{"member":"ada","after":"place","limit":2}',
        f'{{"deposits":[{DEPOSIT}],"next":"place"}}',
    ),
    "get_deposit": ('{"deposit":"d1","member":"ada"}', DEPOSIT),
    "quote_payment": (
        f'{{"program":"club","amount":{MONEY},"route":"duitnow","biller":"tnb","account":"123456789012"}}',
        f'{{"routes":[{PAYMENT_TERMS}]}}',
    ),
    "create_payment": (
        f'{{"payment":"y1","program":"club","member":"ada","amount":{MONEY},"route":"duitnow","biller":"tnb",'
        '"merchant":"Tenaga","category":"bills","channel":"app"}',
        f'{{"payment":"y1","terms":{PAYMENT_TERMS},"created_at":"2026-01-01T00:00:00Z","open_until":"2026-01-02T00:00:00Z"}}',
    ),
    "hold_payment": (
        f'{{"payment":"y1","tenders":[{{"bucket":"main","amount":{MONEY}}}],"stages":[{STAGE_RUN}]}}',
        f'{{"payment":"y1","state":"held","parts":[{{"bucket":"main","amount":{MONEY},"value":{MONEY}}}],'
        '"held_until":"2026-01-02T00:00:00Z","failure":"blocked"}',
    ),
    "submit_payment": (
        f'{{"payment":"y1","stages":[{STAGE_RUN}]}}',
        '{"payment":"y1","state":"processing","attempt":1,"key":"y1-1","failure":"reviewed"}',
    ),
    "report_payment": (
        f'{{"payment":"y1","attempt":1,"outcome":{{"completed":{{"reference":"bank-7"}}}},"stages":[{STAGE_RUN}]}}',
        '{"payment":"y1","state":"completed","failure":{"declined":"busy"},"not_earned":"purchase_exists"}',
    ),
    "cancel_payment": (
        '{"payment":"y1"}',
        f'{{"payment":"y1","state":"cancelled","returned":[{MONEY}]}}',
    ),
    "refund_payment": (
        f'{{"refund":"r1","payment":"y1","amount":{MONEY},"kind":"chargeback","reason":"returned"}}',
        f'{{"refund":"r1","payment":"y1","state":"refunded","amount":{MONEY},"fee":{MONEY},"left":{MONEY},'
        f'"returned":[{MONEY}],"expired":[{MONEY}],"not_taken_back":"purchase_cancelled"}}',
    ),
    "list_payments": (
        '{"member":"ada","program":"club","state":"unknown","after":"place","limit":2}',
        f'{{"payments":[{PAYMENT}],"next":"place"}}',
    ),
    "get_payment": ('{"payment":"y1","member":"ada"}', PAYMENT),
    "get_stage_statistics": (
        '{"program":"club","from":"2026-01-01","through":"2026-01-31"}',
        '{"stages":[{"stage":"fx","answered":3,"skipped":1,"timed_out":1,"failed":1,"mean_millis":12}]}',
    ),
    "create_coupon_book": (
        '{"book":"spring","terms":{"name":"Spring","owner":"Cafe","active_from":"2026-01-01T00:00:0'
        '0Z","active_until":"2026-04-01T00:00:00Z","pattern":"SPRING-{RANDOM:8}","matching":"look_a'
        'likes","redeemed_by":"holder","lock":"required","lease_seconds":600,"transfer":"permitted","limits":{"uses_per_co'
        'de":2,"uses_per_member":4,"codes_per_member":3,"codes":1000,"uses":1500}}}',
        '{"book":"spring","state":"scheduled","created_at":"2026-01-01T00:00:00Z"}',
    ),
    "update_coupon_book": (
        '{"book":"spring","status":"paused","name":"May","owner":"Bar","active_from":"2026-01-01T00'
        ':00:00Z","active_until":"2026-04-01T00:00:00Z","local":{"program":"club","from":"2026-01-0'
        '1","before":"2026-04-01T09:30"},"pattern":"{UUID}","lock":"forbidden","lease_seconds":60,"transfer":"forbidden","limits":{"uses_per_code":2}}',
        '{"book":"spring","state":"paused","updated_at":"2026-01-01T00:00:00Z"}',
    ),
    "list_coupon_books": (
        '{"after":"place","limit":2}',
        '{"books":[{"book":"spring","state":"closed","terms":{"name":"Spring","owner":"Cafe","activ'
        'e_from":"2026-01-01T00:00:00Z","active_until":"2026-04-01T00:00:00Z","pattern":"SPRING-{RA'
        'NDOM:8}","matching":"look_alikes","redeemed_by":"holder","lock":"required","lease_seconds"'
        ':600,"limits":{"uses_per_code":2,"uses_per_member":4,"codes_per_member":3,"codes":1000,"us'
        'es":1500}},"codes":1000,"created_at":"2026-01-01T00:00:00Z","closed_at":"2026-02-01T00:00:'
        '00Z"}],"next":"place"}',
    ),
    "get_coupon_book": (
        '{"book":"spring"}',
        '{"book":{"book":"spring","state":"closed","terms":{"name":"Spring","owner":"Cafe","active_'
        'from":"2026-01-01T00:00:00Z","active_until":"2026-04-01T00:00:00Z","pattern":"SPRING-{RAND'
        'OM:8}","matching":"look_alikes","redeemed_by":"holder","lock":"required","lease_seconds":6'
        '00,"limits":{"uses_per_code":2,"uses_per_member":4,"codes_per_member":3,"codes":1000,"uses'
        '":1500}},"codes":1000,"created_at":"2026-01-01T00:00:00Z","closed_at":"2026-02-01T00:00:00'
        'Z"},"statistics":{"generated":1000,"free":0,"assigned":0,"locked":0,"redeemed":900,"expire'
        'd":90,"voided":10,"uses":1400}}',
    ),
    "generate_coupons": (
        '{"book":"spring","batch":"b1","count":1500,"after":1000,"codes":true}',
        '{"book":"spring","batch":"b1","generated":499,"total":1499,"wanted":1500,"from":1000,"pass'
        'ed_over":[1007],"next":1500,"source":{"key":"codes-1","batch":"6/spring/b1","pattern":"{RA'
        'NDOM:8}","matching":"any_case"},"codes":["A1B2C3D4"]}',
    ),
    "get_coupon_batch": (
        '{"book":"spring","batch":"b1"}',
        '{"book":"spring","batch":"b1","wanted":1500,"total":999,"passed_over":1,"next":1000,"begun'
        '_at":"2026-01-01T00:00:00Z"}',
    ),
    "upload_coupons": (
        '{"book":"spring","lines":["SAVE-10"," SAVE-20 "],"keep":"all_or_none","plain":true}',
        '{"book":"spring","added":1,"bad":[{"line":2,"problem":"exists"}]}',
    ),
    "assign_coupons": (
        '{"book":"spring","member":"ada","count":2,"by":"staff","reason":"welcome"}',
        '{"book":"spring","member":"ada","coupons":[{"coupon":"l0123456789abcdef0123456789abcdef:co'
        'des-1","code":"A1B2C3D4","source":{"key":"codes-1","batch":"6/spring/b1","pattern":"{RANDO'
        'M:8}","matching":"any_case"},"index":7}],"assigned_at":"2026-01-01T00:00:00Z"}',
    ),
    "distribute_coupons": (
        '{"book":"spring","members":["ada","bob"],"total":3,"partial":true,"by":"staff","reason":"welcome"}',
        '{"book":"spring","assigned":1,"short":2,"shares":[{"member":"ada","coupons":[{"coupon":"l0'
        '123456789abcdef0123456789abcdef:codes-1","code":"SAVE-10"}],"shortage":"no_free_code"},{"m'
        'ember":"bob","coupons":[],"shortage":"member_suspended"}],"assigned_at":"2026-01-01T00:00:'
        '00Z"}',
    ),
    "unassign_coupon": (
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","by":"staff","reason":"lost"}',
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring","state":"available",'
        '"at":"2026-01-01T00:00:00Z"}',
    ),
    "check_coupon": (
        '{"member":"ada","coupon":"l0123456789abcdef0123456789abcdef:codes-1"}',
        '{"outcome":"accepted","coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring"'
        ',"state":"assigned","book_state":"active","active_until":"2026-04-01T00:00:00Z"}',
    ),
    "lock_coupon": (
        '{"member":"ada","coupon":"l0123456789abcdef0123456789abcdef:codes-1","order":"o1","seconds":60}',
        '{"outcome":"accepted","coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring"'
        ',"until":"2026-01-01T00:01:00Z"}',
    ),
    "unlock_coupon": (
        '{"member":"ada","coupon":"l0123456789abcdef0123456789abcdef:codes-1","order":"o1"}',
        '{"outcome":"accepted","coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring"}',
    ),
    "redeem_coupon": (
        '{"member":"ada","coupon":"l0123456789abcdef0123456789abcdef:codes-1","order":"o1"}',
        '{"outcome":"accepted","coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring"'
        ',"uses":1,"left":2,"redeemed_at":"2026-01-01T00:00:00Z"}',
    ),
    "transfer_coupon": (
        '{"member":"ada","to":"bob","coupon":"l0123456789abcdef0123456789abcdef:codes-1"}',
        '{"outcome":"accepted","coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring"'
        ',"to":"bob","transferred_at":"2026-01-01T00:00:00Z"}',
    ),
    "replace_coupon": (
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","new_code":"SAVE-30","plain":true,"b'
        'y":"staff","reason":"lost"}',
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","replacement":{"coupon":"l1123456789'
        'abcdef0123456789abcdef:codes-1","code":"SAVE-30","source":{"key":"codes-1","batch":"6/spri'
        'ng/b1","pattern":"{RANDOM:8}","matching":"any_case"},"index":0},"book":"spring","member":"'
        'ada","left":1,"at":"2026-01-01T00:00:00Z"}',
    ),
    "void_coupon": (
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","by":"staff","reason":"lost"}',
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring","state":"voided","at'
        '":"2026-01-01T00:00:00Z"}',
    ),
    "list_coupons": (
        '{"book":"spring","state":"locked","after":"place","limit":2,"codes":true}',
        '{"coupons":[{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring","state":'
        '"locked","code":"SAVE-10","batch":"b1","member":"ada","uses":1,"order":"o1","locked_until"'
        ':"2026-01-01T00:05:00Z","expires_at":"2026-04-01T00:00:00Z","added_at":"2026-01-01T00:00:0'
        '0Z","history":[{"action":"assigned","at":"2026-01-01T00:00:00Z","member":"ada","by":"staff'
        '","reason":"welcome"},{"action":"locked","at":"2026-01-01T00:00:00Z","member":"ada","order'
        '":"o1"}]}],"next":"place"}',
    ),
    "get_coupon": (
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1"}',
        '{"coupon":"l0123456789abcdef0123456789abcdef:codes-1","book":"spring","state":"locked","co'
        'de":"SAVE-10","batch":"b1","member":"ada","uses":1,"order":"o1","locked_until":"2026-01-01'
        'T00:05:00Z","expires_at":"2026-04-01T00:00:00Z","added_at":"2026-01-01T00:00:00Z","history'
        '":[{"action":"assigned","at":"2026-01-01T00:00:00Z","member":"ada","by":"staff","reason":"'
        'welcome"},{"action":"locked","at":"2026-01-01T00:00:00Z","member":"ada","order":"o1"}]}',
    ),
    "quote_redemption": (
        f'{{"member":"ada","program":"club","total":{MONEY},"tenders":[{{"bucket":{{"unit":"points"}},"amount":{MONEY}}}]}}',
        f'{{"paid":{MONEY},"rest":{MONEY},"parts":[{{"bucket":"cashback","amount":{MONEY},"value":{MONEY}}}]}}',
    ),
    "redeem": (
        f'{{"redemption":"r1","member":"ada","program":"club","order":"o1","total":{MONEY},"amount":{MONEY}}}',
        f'{{"redemption":"r1","paid":{MONEY},"rest":{MONEY},"parts":[{{"bucket":"main","amount":{MONEY},'
        f'"value":{MONEY}}}]}}',
    ),
    "authorize_redemption": (
        f'{{"redemption":"r1","member":"ada","program":"club","order":"o1","total":{MONEY},"wallet":"home"}}',
        f'{{"redemption":"r1","reserved":{MONEY},"rest":{MONEY},"parts":[],"expires_at":"2026-03-01T12:00:00Z",'
        f'"payers":[{{"member":"bob","paid":{MONEY},"parts":[{{"bucket":"main","amount":{MONEY},'
        f'"value":{MONEY}}}]}}]}}',
    ),
    "capture_redemption": (
        f'{{"member":"ada","redemption":"r1","number":1,"amount":{MONEY}}}',
        f'{{"redemption":"r1","paid":{MONEY},"parts":[],"captured":{MONEY},"reserved":{MONEY}}}',
    ),
    "release_redemption": (
        '{"member":"ada","redemption":"r1"}',
        f'{{"redemption":"r1","returned":[{MONEY}],"expired":[{MONEY}]}}',
    ),
    "cancel_redemption": (
        f'{{"member":"ada","redemption":"r1","number":2,"amount":{MONEY}}}',
        f'{{"redemption":"r1","cancelled":{MONEY},"paid":{MONEY},"returned":[],"taken_back":[{MONEY}],'
        f'"payers":[{{"member":"bob","returned":[{MONEY}]}}]}}',
    ),
    "list_redemptions": (
        '{"member":"ada","after":"place","limit":2}',
        '{"redemptions":[{"redemption":"r1","member":"ada","order":"o1","state":"captured",'
        f'"reserved":{MONEY},"captured":{MONEY},"returned":{MONEY},"recorded_at":"2026-03-01T12:00:00Z"}}],'
        '"next":"place"}',
    ),
    "get_redemption": (
        '{"redemption":"r1"}',
        f'{{"redemption":"r1","member":"ada","order":"o1","total":{MONEY},"program":"club","revision":1,'
        '"state":"authorized","made_at":"2026-03-01T12:00:00Z","recorded_at":"2026-03-01T12:00:00Z",'
        f'"expires_at":"2026-03-01T13:00:00Z","reserved":{MONEY},"captured":{MONEY},"returned":{MONEY},'
        f'"parts":[{{"bucket":"cashback","amount":{MONEY},"value":{MONEY},"captured":{MONEY},"returned":{MONEY}}}]}}',
    ),
    "create_shared_wallet": (
        '{"wallet":"home","members":["ada","bob"]}',
        '{"wallet":"home","members":["ada","bob"],"recorded_at":"2026-03-01T12:00:00Z"}',
    ),
    "update_shared_wallet": (
        '{"wallet":"home","members":["bob","ada"]}',
        '{"wallet":"home","state":"active","members":["bob","ada"]}',
    ),
    "list_shared_wallets": (
        '{"member":"ada","after":"place","limit":2}',
        '{"wallets":[{"wallet":"home","state":"closed","members":["ada"],"recorded_at":"2026-03-01T12:00:00Z"}],'
        '"next":"place"}',
    ),
    "get_shared_wallet": (
        '{"wallet":"home"}',
        f'{{"wallet":"home","state":"active","members":[{{"member":"ada","status":"active","available":[{MONEY}]}}],'
        f'"available":[{MONEY}],"recorded_at":"2026-03-01T12:00:00Z"}}',
    ),
    "get_balance": (
        '{"member":"ada","at":"2026-01-01T00:00:00Z","expiring_days":30}',
        f'{{"at":"2026-01-01T00:00:00Z","assets":[{{"available":{MONEY},"pending":{MONEY},"main":{MONEY},'
        f'"expiring":{MONEY},"expires_first_at":"2026-01-01T00:00:00Z"}}]}}',
    ),
    "get_statement": (
        '{"member":"ada","before":3,"limit":10,"kind":"clawback","purpose":"points","asset":"points",'
        '"purchase":"p1","from":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z"}',
        f'{{"lines":[{LINE}],"next":7}}',
    ),
    "list_expiring": (
        '{"member":"ada","days":7,"after":"place","limit":2}',
        f'{{"items":[{{"member":"ada","lot":3,"amount":{MONEY},"expires_at":"2026-01-01T00:00:00Z"}}],'
        '"next":"place"}',
    ),
    "get_tiers": (
        '{"member":"ada","program":"club"}',
        f'{{"ladders":[{{"ladder":"status","tier":"gold","since":"2026-01-01T00:00:00Z",'
        f'"reached":{{"amount":{MONEY}}},"missing":{{"visits":3}},"history":[{{'
        '"at":"2026-01-01T00:00:00Z","from":"base","to":"gold","measure":500,"reason":"qualified"}]}]}',
    ),
    "transfer_balance": (
        f'{{"transfer":"t1","program":"club","from":"ada","to":{{"member":"bob"}},"amount":{MONEY},"note":"for lunch"}}',
        f'{{"transfer":"t1","from":"ada","to":"bob","given":{MONEY},"fee":{MONEY},"arrived":{MONEY},'
        f'"lots":{{"9":{MONEY},"10":{MONEY}}},"recorded_at":"2026-01-01T00:00:00Z"}}',
    ),
    "list_transfers": (
        '{"member":"ada","after":"place","limit":2}',
        f'{{"transfers":[{TRANSFER}],"next":"place"}}',
    ),
    "get_transfer": ('{"transfer":"t1","member":"ada"}', TRANSFER),
    "import_rates": (
        '{"source":"desk","kind":"market","content":{"rates":[{"day":"2026-03-02","base":"EUR","quote":"USD",'
        '"price":{"bid_ask":{"bid":"1.16","ask":"1.18"}}}]},"after":5000,"correct":"a typo"}',
        '{"source":"desk","imported":1,"unchanged":2,"corrected":3,"skipped":["CYP"],"next":10000}',
    ),
    "list_rates": (
        '{"source":"ecb","base":"EUR","quote":"USD","until":"2026-03-02","after":"place","limit":2}',
        '{"rates":[{"day":"2026-03-02","kind":"reference","price":{"mid":"1.1698"},'
        '"imported_at":"2026-03-02T15:00:00Z","corrections":[{"price":{"mid":"1.1689"},"kind":"reference",'
        '"imported_at":"2026-03-02T14:00:00Z","reason":"a typo"}]}],"next":"place"}',
    ),
    "get_rate": (
        '{"program":"club","from":"EUR","to":"USD","day":"2026-03-02"}',
        '{"from":"EUR","to":"USD","on":"2026-03-02","mid":"1.1698","source":"ecb","day":"2026-03-02","age_days":0,'
        f'"chain":[{LEG}]}}',
    ),
    "quote_conversion": (
        f'{{"program":"club","amount":{MONEY},"to":"USD"}}',
        f'{{"program":"club","revision":1,"rule":"travel","terms":{TERMS}}}',
    ),
    "lock_conversion": (
        f'{{"quote":"q1","program":"club","member":"ada","amount":{MONEY},"to":"USD"}}',
        f'{{"quote":"q1","member":"ada","terms":{TERMS},"locked_at":"2026-03-02T12:00:00Z",'
        '"expires_at":"2026-03-02T12:30:00Z"}',
    ),
    "convert_balance": (
        f'{{"conversion":"c1","member":"ada","of":{{"amount":{{"program":"club","amount":{MONEY},"to":"USD"}}}}}}',
        f'{{"conversion":"c1","member":"ada","terms":{TERMS},"quote":"q1","lots":{{"9":{MONEY}}},'
        '"recorded_at":"2026-03-02T12:00:00Z"}',
    ),
    "refund_conversion": (
        f'{{"refund":"r1","conversion":"c1","member":"ada","amount":{MONEY}}}',
        f'{{"conversion":"c1","member":"ada","refund":{CONVERSION_REFUND},"left":{MONEY}}}',
    ),
    "list_conversions": (
        '{"member":"ada","after":"place","limit":2}',
        f'{{"conversions":[{CONVERSION}],"next":"place"}}',
    ),
    "get_conversion": ('{"conversion":"c1","member":"ada"}', CONVERSION),
    "value_balances": (
        f'{{"program":"club","balances":[{MONEY}],"currency":"USD","day":"2026-03-02"}}',
        f'{{"total":{MONEY},"day":"2026-03-02","valued":[{{"balance":{MONEY},"value":{MONEY},"mid":"1.1698",'
        f'"chain":[{LEG}]}}],"unvalued":[{MONEY}]}}',
    ),
    "quote_assessment": (
        f'{{"facts":{FACTS}}}',
        f'{{"revision":1,"outcome":{OUTCOME},"shadow":{OUTCOME}}}',
    ),
    "assess_payment": (
        f'{{"payment":"pay-1","facts":{FACTS}}}',
        f'{{"payment":"pay-1","revision":1,"outcome":{OUTCOME},"shadow":{OUTCOME},'
        '"review_expires_at":"2026-03-02T12:00:00Z"}',
    ),
    "label_payment": (
        '{"payment":"pay-1","label":"bad"}',
        '{"payment":"pay-1","label":"bad","before":"good","labelled_at":"2026-03-08T12:00:00Z"}',
    ),
    "list_assessments": (
        '{"member":"ada","after":"place","limit":2}',
        f'{{"assessments":[{{"payment":"pay-1","program":"club","member":"ada","amount":{MONEY},'
        '"occurred_at":"2026-03-01T12:00:00Z","assessed_at":"2026-03-01T12:00:00Z","decision":"review","score":65,'
        '"shadow":"block","label":"bad"}],"next":"place"}',
    ),
    "get_assessment": (
        '{"payment":"pay-1"}',
        f'{{"payment":"pay-1","program":"club","revision":1,"member":"ada","amount":{MONEY},'
        '"occurred_at":"2026-03-01T12:00:00Z","keys":{"device":"d1"},"assessed_at":"2026-03-01T12:00:00Z",'
        f'"outcome":{OUTCOME},"shadow":{OUTCOME},"review":{REVIEW},'
        '"label":{"label":"good","labelled_at":"2026-03-08T12:00:00Z"}}',
    ),
    "add_to_risk_list": (
        '{"program":"club","list":"stolen","value":"d1","expires_at":"2026-04-01T00:00:00Z"}',
        '{"list":"stolen","value":"d1","added_at":"2026-03-01T12:00:00Z","expires_at":"2026-04-01T00:00:00Z"}',
    ),
    "remove_from_risk_list": (
        '{"program":"club","list":"stolen","value":"d1"}',
        '{"list":"stolen","value":"d1","removed_at":"2026-03-01T12:00:00Z"}',
    ),
    "list_risk_entries": (
        '{"program":"club","list":"stolen","after":"place","limit":2}',
        '{"entries":[{"list":"stolen","value":"d1","state":"expired","added_at":"2026-03-01T12:00:00Z",'
        '"expires_at":"2026-04-01T00:00:00Z"}],"next":"place"}',
    ),
    "snooze_rule": (
        '{"program":"club","rule":"large","key":"device","value":"d1","until":"2026-04-01T00:00:00Z"}',
        '{"rule":"large","key":"device","value":"d1","until":"2026-04-01T00:00:00Z"}',
    ),
    "list_reviews": (
        '{"program":"club","state":"claimed","after":"place","limit":2}',
        f'{{"reviews":[{REVIEW}],"next":"place"}}',
    ),
    "claim_review": (
        '{"payment":"pay-1","owner":"jo"}',
        '{"payment":"pay-1","owner":"jo","expires_at":"2026-03-02T12:00:00Z"}',
    ),
    "decide_review": (
        '{"payment":"pay-1","owner":"jo","decision":"block"}',
        '{"payment":"pay-1","owner":"jo","decision":"block","decided_at":"2026-03-01T13:00:00Z"}',
    ),
    "build_qr": (f'{{"qr":{MERCHANT_QR},"schemes":[{SCHEMES}]}}', '{"text":"000201"}'),
    "parse_qr": ('{"text":"000201"}', f'{{"qr":{MERCHANT_QR},"schemes":[{SCHEMES}],"amount":{MONEY}}}'),
    "create_qr": (
        f'{{"qr":"q1","program":"club","kind":"merchant","content":{{"merchant":{{"qr":{MERCHANT_QR}}}}},"member":"ada",'
        '"scans":"many","expiry":{"seconds":60}}',
        f'{{"qr":"q1","text":"000201","amount":{MONEY},"scans":"many","created_at":"2026-03-01T12:00:00Z",'
        '"expires_at":"2026-03-01T12:01:00Z"}',
    ),
    "scan_qr": (
        '{"qr":"q1","by":"bob"}',
        f'{{"qr":"q1","member":"ada","kind":"merchant","text":"000201","amount":{MONEY},"scanned":1,'
        '"scanned_at":"2026-03-01T12:00:00Z"}',
    ),
    "cancel_qr": ('{"qr":"q1"}', '{"qr":"q1","cancelled_at":"2026-03-01T12:00:00Z"}'),
    "list_qrs": ('{"member":"ada","after":"place","limit":2}', f'{{"qrs":[{ISSUED_QR}],"next":"place"}}'),
    "get_qr": ('{"qr":"q1","member":"ada"}', ISSUED_QR),
    "quote_qr_routes": (
        f'{{"program":"club","of":{{"kind":"tng"}},"amount":{MONEY},"wallets":["boost"]}}',
        f'{{"program":"club","revision":1,"kind":"tng","amount":{MONEY},"recommended":"boost","routes":[{{"route":"r",'
        f'"wallet":"boost","given":{MONEY},"fee":{MONEY},"paid_by":"sender","arrived":{MONEY}}}]}}',
    ),
    "issue_token": (
        f'{{"token":"t1","member":"ada","program":"club","amount":{MONEY},"holder_key":"{"ab" * 32}","device":"phone",'
        '"merchant":"shop","lifetime_minutes":60}',
        f'{{"claims":{CLAIMS},"key":"k1","parts":[{{"bucket":"cashback","amount":{MONEY},"value":{MONEY}}}],'
        '"settles_until":"2026-03-09T12:00:00Z","text":"RT1:00"}',
    ),
    "redeem_token": (
        '{"token":"t1","order":"o1","merchant":"shop","category":"grocery"}',
        f'{{"token":"t1","member":"ada","paid":{MONEY},"parts":[{{"bucket":"cashback","amount":{MONEY},"value":{MONEY}}}],'
        '"redeemed_at":"2026-03-01T12:00:00Z"}',
    ),
    "settle_receipts": (
        '{"merchant":"shop","receipts":["RP1:00"]}',
        f'{{"receipts":[{{"outcome":"double_spend","token":"t1","counter":1,"digest":"{"ab" * 32}","paid":{MONEY},'
        f'"unpaid":{MONEY}}},{{"outcome":"refused","code":"token_malformed"}}],"frozen":["t1"]}}',
    ),
    "cancel_token": (
        '{"member":"ada","token":"t1"}',
        f'{{"token":"t1","unspent":{MONEY},"returns_at":"2026-03-02T12:00:00Z"}}',
    ),
    "freeze_tokens": (
        '{"member":"ada","device":"phone"}',
        f'{{"tokens":[{{"token":"t1","unspent":{MONEY},"returns_at":"2026-03-02T12:00:00Z"}}]}}',
    ),
    "list_tokens": (
        '{"member":"ada","after":"place","limit":2}',
        f'{{"tokens":[{{"token":"t1","member":"ada","state":"active","amount":{MONEY},"reserved":{MONEY},"paid":{MONEY},'
        '"is_double_spent":false,"device":"phone","expires_at":"2026-03-02T12:00:00Z",'
        '"recorded_at":"2026-03-01T12:00:00Z"}],"next":"place"}',
    ),
    "get_token": (
        '{"token":"t1"}',
        f'{{"claims":{CLAIMS},"key":"k1","state":"frozen","program":"club","revision":1,"redemption":"r1",'
        f'"reserved":{MONEY},"paid":{MONEY},"overspent":{MONEY},"settles_until":"2026-03-02T12:00:00Z",'
        '"ended_at":"2026-03-01T12:00:00Z","redeemed_by":"shop",'
        f'"receipts":[{{"counter":1,"digest":"{"ab" * 32}","previous":"{"cd" * 32}","merchant":"shop","amount":{MONEY},'
        f'"paid":{MONEY},"made_at":"2026-03-01T12:00:00Z","reference":"till-1","settled_at":"2026-03-01T13:00:00Z",'
        '"proof":"RP1:00"}],"double_spends":[1]}',
    ),
    "list_revoked_tokens": (
        '{"issuer":"club","after":"place","limit":2}',
        '{"tokens":[{"token":"t1","state":"cancelled","expires_at":"2026-03-02T12:00:00Z"}],"next":"place"}',
    ),
    "get_token_keys": (
        '{"valid_at":"2026-03-01T12:00:00Z"}',
        f'{{"keys":[{{"key":"k1","public_key":"{"ab" * 32}","valid_from":"2026-03-01T12:00:00Z",'
        '"valid_until":"2027-03-01T12:00:00Z"}]}',
    ),
}

EVENTS = [
    '{"member_registered":{}}',
    f'{{"purchase_confirmed":{{"purchase":"p1","released":[{MONEY}]}}}}',
    f'{{"purchase_refunded":{{"purchase":"p1","refund":"r1","kind":"chargeback","amount":{MONEY},'
    f'"taken_back":[{MONEY}],"shortfall":[]}}}}',
    f'{{"debt_incurred":{{"amounts":[{MONEY}]}}}}',
    f'{{"debt_repaid":{{"amount":{MONEY}}}}}',
    '{"payment_assessed":{"payment":"pay-1","program":"club","decision":"review","score":65}}',
    f'{{"token_issued":{{"token":"t1","amount":{MONEY},"expires_at":"2026-03-02T12:00:00Z"}}}}',
    f'{{"token_spent":{{"token":"t1","paid":{MONEY},"merchant":"shop","counter":1}}}}',
    f'{{"token_double_spent":{{"token":"t1","counter":1,"merchant":"shop","unpaid":{MONEY}}}}}',
    '{"token_revoked":{"token":"t1","is_frozen":true,"reserved_until":"2026-03-02T12:00:00Z"}}',
    f'{{"payment_changed":{{"payment":"y1","state":"unknown","amount":{MONEY},"attempt":1}}}}',
    f'{{"payment_refunded":{{"payment":"y1","refund":"r1","amount":{MONEY}}}}}',
    f'{{"transfer_sent":{{"transfer":"t1","given":{MONEY}}}}}',
    f'{{"transfer_received":{{"transfer":"t1","arrived":{MONEY}}}}}',
    '{"member_updated":{"status":"suspended"}}',
    '{"member_erased":{}}',
    f'{{"rewards_forfeited":{{"amounts":[{MONEY}]}}}}',
    '{"alias_linked":{"kind":"phone"}}',
    f'{{"deposit_confirmed":{{"deposit":"d1","amount":{MONEY},"late":false}}}}',
    f'{{"order_redeemed":{{"redemption":"r1","order":"o1","paid":{MONEY}}}}}',
    f'{{"redemption_authorized":{{"redemption":"r1","order":"o1","reserved":{MONEY},'
    '"expires_at":"2026-03-01T12:00:00Z"}}',
    f'{{"redemption_captured":{{"redemption":"r1","paid":{MONEY}}}}}',
    f'{{"redemption_released":{{"redemption":"r1","expired":true,"returned":[{MONEY}]}}}}',
    '{"redemption_cancelled":{"redemption":"r1","returned":[]}}',
    '{"shared_wallet_joined":{"wallet":"home"}}',
    '{"shared_wallet_left":{"wallet":"home"}}',
    '{"coupon_assigned":{"coupon":"c0f:codes-1","book":"spring","by":"staff","reason":"welcome"}}',
    '{"coupon_locked":{"coupon":"c0f:codes-1","order":"o1","until":"2026-03-01T12:00:00Z"}}',
    '{"coupon_redeemed":{"coupon":"c0f:codes-1","book":"spring","order":"o1","used_up":true}}',
    '{"coupon_replaced":{"coupon":"c0f:codes-1","replacement":"c1f:codes-1","book":"spring","reason":"lost"}}',
    '{"coupon_sent":{"coupon":"c0f:codes-1","book":"spring","to":"bob"}}',
    '{"coupon_received":{"coupon":"c0f:codes-1","book":"spring","from":"ada"}}',
    '{"code_not_accepted":{"reason":"of_another","coupon":"c0f:codes-1"}}',
    '{"tier_changed":{"program":"club","ladder":"status","from":"base","to":"gold"}}',
]


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(printed_by("schemas"))
    return read


def canonical(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def problem_codes(model: type[Model], text: str) -> set[str]:
    with pytest.raises(InvalidError) as caught:
        model.from_json(text)
    return {problem.code for problem in caught.value.problems}


# The same JSON as the core's


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_programs_are_written_byte_for_byte_as_by_the_core(path: Path) -> None:
    text = printed_by("program_json", path.read_text(encoding="utf-8")).rstrip("\n")
    assert Program.from_json(text).to_json() == text


def test_every_operation_has_a_sample() -> None:
    assert list(SAMPLES) == [operation.name for operation in OPERATIONS]


@pytest.mark.parametrize("name", SAMPLES)
def test_requests_and_replies_keep_their_bytes(name: str) -> None:
    operation = BY_NAME[name]
    request, reply = SAMPLES[name]
    assert operation.request.from_json(request).to_json() == request
    assert operation.reply.from_json(reply).to_json() == reply
    for model, text in ((operation.request, request), (operation.reply, reply)):
        assert model.from_json(text).model_dump_json() == text
    assert operation.reply.model_validate(operation.reply.from_json(reply).model_dump()).to_json() == reply


@pytest.mark.parametrize("event", EVENTS)
def test_events_keep_their_bytes(event: str) -> None:
    record = (
        '{"id":"018f3e2a-0000-7000-8000-000000000001","stream":{"member":"ada"},"seq":1,'
        f'"recorded_at":"2026-01-01T00:00:00Z","event":{event}}}'
    )
    assert models.EventRecord.from_json(record).to_json() == record


def test_vectors_keep_their_values() -> None:
    for path in sorted((WORKSPACE / "tests" / "vectors").glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            for step in case["steps"]:
                answer, model = (
                    (step["reply"], BY_NAME[step["operation"]].reply)
                    if "reply" in step
                    else (step["fault"], Fault)
                )
                text = json.dumps(answer)
                assert canonical(model.from_json(text).to_json()) == canonical(text), case["name"]


def test_models_have_the_fields_of_the_core(schema: dict[str, Any]) -> None:
    for name, definition in schema["$defs"].items():
        model = getattr(models, name)
        if not (inspect.isclass(model) and issubclass(model, Model)):
            continue
        own = model.model_json_schema()
        assert list(own.get("properties", {})) == list(definition.get("properties", {})), name
        assert own.get("required", []) == definition.get("required", []), name
        for field, described in own.get("properties", {}).items():
            assert described.get("description") or "$ref" in described, f"{name}.{field}"


def test_texts_have_the_patterns_of_the_core(schema: dict[str, Any]) -> None:
    for name, definition in schema["$defs"].items():
        if "pattern" in definition:
            own = TypeAdapter(getattr(models, name)).json_schema()
            assert own["pattern"] == definition["pattern"], name


def test_the_generated_files_are_those_of_the_schema() -> None:
    subprocess.run([sys.executable, str(CODEGEN), "--check"], check=True)


# Written manually


def test_a_program_written_by_hand() -> None:
    text = typed_usage.club.to_json()
    assert Program.from_json(text) == typed_usage.club
    rules = json.loads(text)["rules"]
    assert rules[0]["effect"] == {"percent": {"rate": "5%", "of": {"without": ["fee"]}}}
    assert rules[0]["when"]["all"][1] == {"amount": {"of": "goods", "at_least": "20"}}
    assert rules[0]["when"]["all"][2] == {"dates": {"from": "2026-01-01", "through": "2026-06-30"}}
    assert rules[1]["effect"]["per_unit"]["every"] == "1.5"
    assert json.loads(text)["ladders"][0]["tiers"][0] == {"id": "base", "threshold": "0"}
    assert json.loads(typed_usage.quote.to_json())["purchase"]["total"]["amount"] == "42.50"
    assert typed_usage.names() == list(BY_NAME)
    assert typed_usage.read(SAMPLES["quote_purchase"][1]) == [Decimal("12.30")]


def test_sets_and_dictionaries_are_written_in_order() -> None:
    member = RegisterMember(member="ada", segments={"b", "c", "a"}, attributes={"y": "1", "x": "2"})
    assert member.to_json() == ('{"member":"ada","segments":["a","b","c"],"attributes":{"x":"2","y":"1"}}')


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 1, tzinfo=timezone.utc), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 250_000, timezone.utc), "2026-01-01T00:00:00.250Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 1, timezone.utc), "2026-01-01T00:00:00.000001Z"),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T23:00:00Z"),
    ],
)
def test_times_are_written_in_utc(at: datetime, text: str) -> None:
    member = RegisterMember(member="ada", registered_at=at)
    assert json.loads(member.to_json())["registered_at"] == text
    assert member.registered_at == at
    assert RegisterMember.from_json(member.to_json()) == member


@pytest.mark.parametrize(
    ("given", "text"),
    [("12.30", "12.30"), (Decimal("1E+2"), "100"), (5, "5"), ("-0.05", "-0.05"), ("-0.00", "0.00")],
)
def test_amounts_keep_their_decimals(given: Any, text: str) -> None:
    money = Money.of(given, "EUR")
    assert json.loads(money.to_json())["amount"] == text
    assert str(money) == f"{text} EUR"


# Refused


@pytest.mark.parametrize("amount", [1.5, True, None, float("nan")])
def test_amounts_that_may_not_be_exact_are_refused(amount: Any) -> None:
    with pytest.raises(InvalidError, match="expected an amount as `Decimal`"):
        Money.of(amount, "EUR")
    with pytest.raises(InvalidError, match="expected an amount as `Decimal`, `int` or text"):
        Money(amount=amount, asset="EUR")


@pytest.mark.parametrize("amount", ["", "1,5", "1e3", "+1", ".5", "5.", "NaN", "٣", "1_000", "9" * 65])
def test_texts_that_are_no_amounts_are_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="expected digits with an optional leading `-`"):
        Money.of(amount, "EUR")


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999")])
def test_decimals_that_are_no_amounts_are_refused(amount: Decimal) -> None:
    with pytest.raises(ValueError, match="expected a finite number"):
        Money.of(amount, "EUR")


def test_integers_are_exact_amounts() -> None:
    assert (
        Money(amount=12, asset="EUR") == Money.of(12, "EUR") == Money.from_json('{"amount":12,"asset":"EUR"}')
    )  # type: ignore[arg-type]


def test_naive_times_are_refused() -> None:
    with pytest.raises(InvalidError, match="give it a zone, such as `tzinfo="):
        RegisterMember(member="ada", registered_at=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("model", "text", "code"),
    [
        (RegisterMember, '{"member":"ada","nick":"a"}', "field_unknown"),
        (RegisterMember, '{"member":""}', "value_invalid"),
        (RegisterMember, '{"member":"a\\u0007"}', "value_invalid"),
        (RegisterMember, '{"member":7}', "type_invalid"),
        (RegisterMember, '{"member":"a","registered_at":"2026-01-01T00:00:00"}', "time_naive"),
        (RegisterMember, '{"member":"a","registered_at":1767225600}', "time_invalid"),
        (RegisterMember, '{"member":"a","registered_at":"2026-01-01"}', "time_invalid"),
        (
            RegisterMember,
            '{"member":"a","registered_at":"2026-01-01T00:00:00.0000001Z"}',
            "time_invalid",
        ),
        (Money, '{"amount":12.3,"asset":"EUR"}', "type_invalid"),
        (Money, '{"amount":true,"asset":"EUR"}', "type_invalid"),
        (Money, '{"amount":"12","asset":"eur/9"}', "value_invalid"),
        (models.DateRange, '{"from":"2026-01-01T00:00:00"}', "date_invalid"),
        (models.DateRange, '{"from_":"2026-01-01"}', "field_unknown"),
        (models.GetBalance, '{"member":"a","expiring_days":1.0}', "type_invalid"),
        (models.GetBalance, '{"member":"a","expiring_days":"1"}', "type_invalid"),
        (models.GetBalance, '{"member":"a","expiring_days":65536}', "value_invalid"),
        (models.PercentReward, '{"rate":"0.05"}', "rate_invalid"),
        (models.PercentReward, '{"rate":5}', "rate_invalid"),
        (models.PercentReward, '{"rate":"5%","of":"nett"}', "variant_unknown"),
        (models.PercentReward, '{"rate":"5%","of":{"without":[],"with":[]}}', "variant_unknown"),
        (models.Multiplier, '{"factor":"-1"}', "factor_invalid"),
        (models.Multiplier, '{"factor":1.5}', "type_invalid"),
        (models.Rule, '{"id":"r","effect":{"percnt":{"rate":"5%"}}}', "variant_unknown"),
        (models.Rule, '{"id":"r","effect":"percent"}', "variant_unknown"),
        (
            models.Cap,
            '{"id":"c","per":"member","every":{"days":0},"limit":{"uses":1}}',
            "value_invalid",
        ),
    ],
)
def test_what_the_core_refuses_is_refused(model: type[Model], text: str, code: str) -> None:
    assert problem_codes(model, text) == {code}


def test_an_error_names_the_choice_and_the_field() -> None:
    with pytest.raises(InvalidError) as caught:
        models.Rule.from_json('{"id":"r","effect":{"percent":{"rate":"5"}}}')
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("rate_invalid", "effect.percent.rate")
    with pytest.raises(InvalidError, match="expected exactly one of `percent`, `fixed`"):
        models.Rule.from_json('{"id":"r","effect":{}}')


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(typed_usage.purchase, "category", "toys")  # noqa: B010
    assert typed_usage.purchase.model_copy(update={"category": "toys"}).category == "toys"


def test_a_value_shows_what_was_given() -> None:
    assert repr(RegisterMember(member="ada")) == "RegisterMember(member='ada')"


def test_dates_are_dates() -> None:
    assert models.DateRange(before=date(2026, 1, 1)).to_json() == '{"before":"2026-01-01"}'
    with pytest.raises(InvalidError, match="expected a date"):
        models.DateRange(before=datetime(2026, 1, 1, tzinfo=timezone.utc))


# In other hands


@pytest.mark.parametrize("operation", OPERATIONS, ids=list(BY_NAME))
def test_schemas_name_what_can_be_sent(operation: Any) -> None:
    for model in (operation.request, operation.reply):
        for mode in ("validation", "serialization"):
            schema = TypeAdapter(model).json_schema(mode=mode)
            assert schema["additionalProperties"] is False
            assert "from_" not in json.dumps(schema)
    request, reply = SAMPLES[operation.name]
    operation.request.model_validate(json.loads(request))
    operation.reply.model_validate(json.loads(reply))


def test_fastapi_takes_and_gives_models() -> None:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI()

    @app.post("/statements")
    def statements(request: models.GetStatement) -> models.Statement:
        assert request.from_ is not None
        return models.Statement.from_json(SAMPLES["get_statement"][1])

    @app.post("/purchases")
    def purchases(request: Purchase) -> Purchase:
        return request

    @app.post("/programs")
    def programs(request: Program) -> Program:
        return request

    client = TestClient(app, headers={"content-type": "application/json"})
    assert client.post("/purchases", content=PURCHASE).text == PURCHASE
    request, reply = SAMPLES["get_statement"]
    assert client.post("/statements", content=request).text == reply
    program = typed_usage.club.to_json()
    assert client.post("/programs", content=program).text == program
    refused = client.post("/purchases", content=PURCHASE.replace('"12.30"', "12.3"))
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "total", "amount"]
    components = client.get("/openapi.json").json()["components"]["schemas"]
    money = components["Money"]["properties"]
    assert money["amount"]["format"] == "decimal"
    assert money["amount"]["description"]


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_find_nothing(checker: str, tmp_path: Path) -> None:
    sources = [
        str(BINDING / "python" / "rewards" / "models"),
        str(BINDING / "tests" / "typed_usage.py"),
    ]
    if checker == "mypy":
        options = ["--strict", "--explicit-package-bases", "--cache-dir", str(tmp_path)]
        command = [sys.executable, "-m", "mypy", *options, *sources]
    else:
        command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *sources]
    found = subprocess.run(
        command,
        cwd=BINDING / "python",
        env={**os.environ, "MYPYPATH": str(BINDING / "python")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout + found.stderr
