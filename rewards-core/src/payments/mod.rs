//! Payments: money that comes in from outside, and money that goes out.
//!
//! A [deposit](DepositEntity) is money that a member pays to a provider for the tenant. It is initiated by the host, and it is
//! confirmed by nobody but the provider, in a [message](ProviderMessage) that the provider signed: **a payer cannot confirm a
//! deposit, and neither can anybody else who has no key of the provider.**
//!
//! Rules of a message:
//! 1. It is signed under a key that the program names for the provider of the deposit. A key of another provider is as good as
//!    none.
//! 2. It was signed within the program's tolerance of now, before or after.
//! 3. It names the deposit, its amount to the minor unit, and the reference, where the host told one. Where it names a tenant,
//!    it is that of the deposit.
//! 4. It counts once. The same message again, signed anew or not, is the same command; another message for a deposit that is
//!    settled is refused.
//!
//! **Money that arrived is not lost.** A deposit that expired was only not waited for any longer: what the provider says of it
//! later is taken all the same and is said to be late, because the provider has the money, and whoever paid expects it. What
//! cannot be taken any more (the member has left, the deposit has failed) is refused with its own code, so that the host gives
//! it back where it came from.
//!
//! A [payment](Payment) is money that a member pays to somebody outside. Its value is held before anybody tries it, and it is taken
//! or released when the outcome is known.

mod deposit;
mod message;
mod payment;
mod section;
#[cfg(test)]
mod transitions;

pub use deposit::{DepositEntity, DepositState, NewDeposit, Settlement, WrongDepositState};
pub use message::{PaymentOutcome, ProviderMessage};
pub use payment::{
    NewPayment, PAYMENT_REFUNDS_MAX, Payment, PaymentAttempt, PaymentFailure, PaymentHold,
    PaymentRefund, PaymentState, PaymentSubject, WrongPaymentStep,
};
pub(crate) use section::account_pattern;
pub use section::{
    ACCOUNT_BYTES_MAX, ACCOUNT_PATTERN_BYTES_MAX, ATTEMPTS_DEFAULT, ATTEMPTS_MAX, Biller,
    CompiledBiller, CompiledPayments, CompiledRoute, DECLINES_MAX, DeclineClass, Declines,
    HOLD_MINUTES_DEFAULT, HOLD_MINUTES_MAX, PaymentRoute, Payments, RefundedFee, ServiceStatus,
};
