"""What goes where: the modules, what is written manually, and the parts that no schema has."""

# The modules: docs, and the roots whose definitions a module holds unless an earlier one does.
MODULES: dict[str, tuple[str, list[str]]] = {
    "values": (
        "Names, assets, amounts of money and calendar terms: what the other models are made of.",
        [
            "MemberId",
            "PurchaseId",
            "RefundId",
            "RedemptionId",
            "SharedWalletId",
            "OrderId",
            "PaymentId",
            "TokenId",
            "MerchantId",
            "DeviceId",
            "CouponBookId",
            "CouponId",
            "ProgramId",
            "Slug",
            "Currency",
            "Asset",
            "Money",
            "Basis",
            "DateRange",
            "Period",
            "WeekStart",
            "Rounding",
        ],
    ),
    "conditions": (
        "When a rule matches: conditions over the facts of a purchase and its member.",
        ["Condition"],
    ),
    "effects": ("What a rule grants.", ["Effect"]),
    "offers": ("What coupons take off a basket: the section of a program.", ["Offers"]),
    "scorecards": (
        "What is looked at of payments, and how many points that is worth: the section of a program.",
        ["Risk"],
    ),
    "discounts": ("What offers take off a purchase, as decisions tell it.", ["BasketDiscount"]),
    "program": (
        "The program document, publishing it and reading what is published.",
        [
            "Program",
            "PublishProgram",
            "PublishedProgram",
            "ListPrograms",
            "ProgramList",
            "GetProgram",
            "ProgramRevision",
        ],
    ),
    "members": (
        "Members: register, update, merge, list and erase them.",
        [
            "RegisterMember",
            "RegisteredMember",
            "UpdateMember",
            "UpdatedMember",
            "MergeMembers",
            "MergedMembers",
            "EraseMember",
            "ErasedMember",
            "ListMembers",
            "MemberList",
        ],
    ),
    "aliases": (
        "Aliases: other names of a member, such as phone numbers, linked and resolved.",
        [
            "LinkAlias",
            "LinkedAlias",
            "UnlinkAlias",
            "UnlinkedAlias",
            "ResolveAlias",
            "ResolvedAlias",
        ],
    ),
    "purchases": (
        "Purchases: quote, record, confirm, refund, replace, cancel and list them.",
        [
            "QuotePurchase",
            "QuotedPurchase",
            "RecordPurchase",
            "RecordedPurchase",
            "ConfirmPurchase",
            "ConfirmedPurchase",
            "RefundPurchase",
            "RefundedPurchase",
            "ReplacePurchase",
            "ReplacedPurchase",
            "CancelPurchase",
            "CancelledPurchase",
            "ListPurchases",
            "PurchaseList",
            "ListRefunds",
            "RefundList",
            "GetPurchase",
            "PurchaseDetails",
        ],
    ),
    "grants": (
        "Manual rewards and deductions, and the settling of what is due.",
        [
            "GrantReward",
            "ManualGrant",
            "DeductBalance",
            "DeductedBalance",
            "ListAdjustments",
            "AdjustmentList",
            "GetAdjustment",
            "AdjustmentDetails",
            "SettleMember",
            "SettledMember",
        ],
    ),
    "deposits": (
        "Deposits: money that members pay in through a provider.",
        [
            "InitiateDeposit",
            "InitiatedDeposit",
            "ConfirmDeposit",
            "SettledDeposit",
            "ListDeposits",
            "DepositList",
            "GetDeposit",
            "DepositDetails",
        ],
    ),
    "payments": (
        "Payments: what members pay others, held until the outcome is known.",
        [
            "QuotePayment",
            "QuotedPayment",
            "CreatePayment",
            "CreatedPayment",
            "HoldPayment",
            "HeldPayment",
            "SubmitPayment",
            "SubmittedPayment",
            "ReportPayment",
            "ReportedPayment",
            "CancelPayment",
            "CancelledPayment",
            "RefundPayment",
            "RefundedPayment",
            "ListPayments",
            "PaymentList",
            "GetPayment",
            "PaymentDetails",
            "GetStageStatistics",
            "StageStatisticsList",
        ],
    ),
    "tokens": (
        "Offline tokens: issued, redeemed, settled, taken back, and checked where there is no network.",
        [
            "IssueToken",
            "IssuedToken",
            "RedeemToken",
            "RedeemedToken",
            "SettleReceipts",
            "SettledReceipts",
            "CancelToken",
            "CancelledToken",
            "FreezeTokens",
            "FrozenTokens",
            "ListTokens",
            "TokenList",
            "GetToken",
            "TokenDetails",
            "ListRevokedTokens",
            "RevokedTokenList",
            "GetTokenKeys",
            "TokenKeyList",
            "Tokens",
            "TokenVerifier",
            "ShownToken",
            "TokenMemory",
            "AcceptedToken",
            "WaitingPayment",
            "TillMark",
            "TokenSpend",
        ],
    ),
    "risk": (
        "Risk: payments are assessed, reviewed and labelled.",
        [
            "QuoteAssessment",
            "QuotedAssessment",
            "AssessPayment",
            "AssessedPayment",
            "LabelPayment",
            "LabelledPayment",
            "ListAssessments",
            "AssessmentList",
            "GetAssessment",
            "AssessmentDetails",
            "AddToRiskList",
            "ListedRiskEntry",
            "RemoveFromRiskList",
            "RemovedRiskEntry",
            "ListRiskEntries",
            "RiskEntryList",
            "SnoozeRule",
            "SnoozedRule",
            "ListReviews",
            "ReviewList",
            "ClaimReview",
            "ClaimedReview",
            "DecideReview",
            "DecidedReview",
        ],
    ),
    "transfers": (
        "Transfers between members: send, look at and list them.",
        [
            "TransferBalance",
            "CompletedTransfer",
            "GetTransfer",
            "TransferDetails",
            "ListTransfers",
            "TransferList",
        ],
    ),
    "coupons": (
        "Coupons: books, and the codes that members hold and redeem.",
        [
            "CreateCouponBook",
            "CreatedCouponBook",
            "UpdateCouponBook",
            "UpdatedCouponBook",
            "ListCouponBooks",
            "CouponBookList",
            "GetCouponBook",
            "CouponBookStatistics",
            "GenerateCoupons",
            "GeneratedCoupons",
            "GetCouponBatch",
            "CouponBatchDetails",
            "UploadCoupons",
            "UploadedCoupons",
            "AssignCoupons",
            "AssignedCoupons",
            "DistributeCoupons",
            "DistributedCoupons",
            "UnassignCoupon",
            "UnassignedCoupon",
            "CheckCoupon",
            "CheckedCoupon",
            "LockCoupon",
            "LockedCoupon",
            "UnlockCoupon",
            "UnlockedCoupon",
            "RedeemCoupon",
            "RedeemedCoupon",
            "TransferCoupon",
            "TransferredCoupon",
            "ReplaceCoupon",
            "ReplacedCoupon",
            "VoidCoupon",
            "VoidedCoupon",
            "ListCoupons",
            "CouponList",
            "GetCoupon",
            "CouponDetails",
        ],
    ),
    "redemptions": (
        "Redemptions: pay orders with what a member has, at once or reserved first, and undo it.",
        [
            "Bucket",
            "QuoteRedemption",
            "QuotedRedemption",
            "Redeem",
            "Redeemed",
            "AuthorizeRedemption",
            "AuthorizedRedemption",
            "CaptureRedemption",
            "CapturedRedemption",
            "ReleaseRedemption",
            "ReleasedRedemption",
            "CancelRedemption",
            "CancelledRedemption",
            "ListRedemptions",
            "RedemptionList",
            "GetRedemption",
            "RedemptionDetails",
        ],
    ),
    "shared_wallets": (
        "Shared wallets: members who pay together in one order, such as a household or a team.",
        [
            "CreateSharedWallet",
            "CreatedSharedWallet",
            "UpdateSharedWallet",
            "UpdatedSharedWallet",
            "ListSharedWallets",
            "SharedWalletList",
            "GetSharedWallet",
            "SharedWalletDetails",
        ],
    ),
    "balances": (
        "What a member has, how it came to be, and what of it expires soon.",
        ["GetBalance", "Balance", "GetStatement", "Statement", "ListExpiring", "ExpiringList"],
    ),
    "tiers": ("Where a member stands on the tier ladders.", ["GetTiers", "MemberTiers"]),
    "fx": (
        "Foreign exchange: rates that hosts import, conversions of what members have, values in any currency.",
        [
            "ImportRates",
            "ImportedRates",
            "ListRates",
            "FxRateList",
            "GetRate",
            "FxRateFound",
            "QuoteConversion",
            "QuotedConversion",
            "LockConversion",
            "LockedConversion",
            "ConvertBalance",
            "ConvertedBalance",
            "RefundConversion",
            "RefundedConversion",
            "ListConversions",
            "ConversionList",
            "GetConversion",
            "ConversionDetails",
            "ValueBalances",
            "ValuedBalances",
        ],
    ),
    "qr": (
        "QR codes: what merchants show to be paid, built and read; codes that are given out, and what paying them costs.",
        [
            "BuildQr",
            "BuiltQr",
            "ParseQr",
            "ParsedQr",
            "CreateQr",
            "CreatedQr",
            "ScanQr",
            "ScannedQr",
            "CancelQr",
            "CancelledQr",
            "ListQrs",
            "QrList",
            "GetQr",
            "QrDetails",
            "QrVerifier",
            "ShownQr",
            "QuoteQrRoutes",
            "QuotedQrRoutes",
        ],
    ),
    "events": ("Events: what hosts are told.", ["EventRecord"]),
    "faults": ("Faults: why an operation has no effect.", ["Fault"]),
}

# Definitions and formats that are written manually in `scalars.py`.
BY_HAND = {"DecimalText", "Factor", "Rate"}
FORMATS = {
    "date-time": "Timestamp",
    "date": "LocalDate",
    "time-of-day": "TimeOfDay",
    "local-time": "LocalTime",
    "iana-time-zone": "Zone",
    "decimal": "Amount",
    "uuid": "UUID",
    "uint8": "UInt8",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "int32": "Int32",
    "int64": "Int64",
}
SCALARS = BY_HAND | set(FORMATS.values()) - {"UUID"}
BASE = {
    "Model",
    "Maybe",
    "ListOf",
    "SortedSet",
    "SetOf",
    "SortedDict",
    "DictOf",
    "Blank",
    "Tagged",
}
TYPING = {"Annotated", "Literal", "Optional", "Union"}
RANGES = {
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, None),
    "uint64": (0, None),
    "int32": (None, None),
    "int64": (None, None),
}

# Names of the data of variants where the name of the variant alone would say too little.
DATA_NAMES = {
    ("Limit", "amount"): "LimitAmount",
    ("ConversionSubject", "amount"): "ConversionAmount",
    ("OfferVerdict", "unmatched"): "OfferUnmatched",
    ("OfferVerdict", "outranked"): "OfferOutranked",
    ("FeatureValue", "amount"): "AmountFeature",
    ("FeatureValue", "local_hour"): "LocalHourFeature",
    ("FeatureValue", "weekday"): "WeekdayFeature",
    ("FeatureValue", "member_age"): "MemberAgeFeature",
}

# Methods that a model has beyond its fields.
METHODS = {
    "Money": '''
    @classmethod
    def of(cls, amount: Union[Decimal, int, str], asset: str) -> "Money":
        """The amount of the asset: `Money.of("12.30", "EUR")`."""
        return cls(amount=to_decimal(amount), asset=asset)

    def __str__(self) -> str:
        return f"{amount_text(self.amount)} {self.asset}"
''',
}

HEADER = "# Generated by `codegen/models.py` from the core's JSON Schema; change it there.\n"

OPERATIONS = '''{header}"""All operations: names, kinds, and the models of requests and replies."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

{imports}

Request = TypeVar("Request", bound=Model)
Reply = TypeVar("Reply", bound=Model)

Kind = Literal["command", "query"]
"""Whether an operation can change anything: a command can, a query cannot."""


@dataclass(frozen=True)
class Operation(Generic[Request, Reply]):
    """What is known of an operation without running it."""

    name: str
    """The stable name; idempotency keys are scoped by it."""
    kind: Kind
    """Whether it can change anything."""
    request: type[Request]
    """The model of what is asked."""
    reply: type[Reply]
    """The model of what the caller is told."""


{parts}
OPERATIONS: tuple[Operation[Any, Any], ...] = (
{listed})
"""All of them."""
'''

CODES = '''

class Code(NamedTuple):
    """What a stable code stands for."""

    kind: FaultKind
    """What the caller can do about it."""
    http_status: int
    """The HTTP status that says the same."""


CODES: dict[str, Code] = {{
{listed}}}
"""All codes of faults; the codes of single problems of an `invalid` fault are not among them."""
'''
