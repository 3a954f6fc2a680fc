//! Prints the JSON Schema of everything that crosses a boundary, as one document: the operations with their requests
//! and replies, the program document, the event, the fault, and what offline tokens and signed codes are checked with. All of them share one `$defs`; `written` holds the same
//! definitions as they are written, where `required` names the fields that are never left out.
//!
//! The models of other languages are generated from it, with the fields in the order of their declaration:
//! `cargo run -p rewards-core --features schema --example schemas`.

use std::error::Error;

use rewards_core::command::{Kind, Operation};
use rewards_core::event::EventRecord;
use rewards_core::program::Program;
use rewards_core::qr::{QrVerifier, ShownQr};
use rewards_core::rejection::{Fault, codes};
use rewards_core::tokens::{
    AcceptedToken, ShownToken, TillMark, TokenMemory, TokenSpend, TokenVerifier, WaitingPayment,
};
use rewards_core::with_operations;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let read = SchemaSettings::draft2020_12();
    let mut written = read.clone().for_serialize().into_generator();
    operations(&mut written);
    documents(&mut written);
    let mut generator = read.into_generator();
    let operations = operations(&mut generator);
    let documents = documents(&mut generator);
    let codes: Vec<Value> = codes()
        .map(|(code, kind, status)| json!({"code": code, "kind": kind, "http_status": status}))
        .collect();
    let all = json!({
        "operations": operations,
        "documents": documents,
        "codes": codes,
        "$defs": generator.take_definitions(true),
        "written": written.take_definitions(true),
    });
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}

fn documents(generator: &mut SchemaGenerator) -> Value {
    json!({
        "program": generator.subschema_for::<Program>(),
        "event": generator.subschema_for::<EventRecord>(),
        "fault": generator.subschema_for::<Fault>(),
        "qr_verifier": generator.subschema_for::<QrVerifier>(),
        "shown_qr": generator.subschema_for::<ShownQr>(),
        "token_verifier": generator.subschema_for::<TokenVerifier>(),
        "shown_token": generator.subschema_for::<ShownToken>(),
        "token_memory": generator.subschema_for::<TokenMemory>(),
        "accepted_token": generator.subschema_for::<AcceptedToken>(),
        "waiting_payment": generator.subschema_for::<WaitingPayment>(),
        "till_mark": generator.subschema_for::<TillMark>(),
        "token_spend": generator.subschema_for::<TokenSpend>(),
    })
}

macro_rules! described {
    ($($operation:ty,)*) => {
        fn operations(generator: &mut SchemaGenerator) -> Vec<Value> {
            vec![$(describe::<$operation>(generator),)*]
        }
    };
}

with_operations!(described);

fn describe<O: Operation + JsonSchema>(generator: &mut SchemaGenerator) -> Value
where
    O::Reply: JsonSchema,
{
    json!({
        "name": O::NAME,
        "kind": match O::KIND {
            Kind::Command => "command",
            Kind::Query => "query",
        },
        "request": generator.subschema_for::<O>(),
        "reply": generator.subschema_for::<O::Reply>(),
    })
}
