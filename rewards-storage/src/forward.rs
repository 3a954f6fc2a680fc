//! One way to write a store around another one.

/// Implements the read side and the outbox of a wrapper by handing every call to the store that it wraps.
///
/// A wrapper that looks at loads and commits alone writes its own [`Store`](crate::store::Store) and forwards the rest. Before
/// each call it may do something that can fail: `query` names a future of `Result<(), StoreError>` for calls of the read
/// side, `outbox` one for calls of the outbox. Both, like `inner`, are written in terms of a name for `self`.
///
/// ```
/// use async_trait::async_trait;
/// use rewards_core::snapshot::{ReadPlan, Snapshot};
/// use rewards_storage::batch::{Commit, CommitBatch};
/// use rewards_storage::error::StoreError;
/// use rewards_storage::store::{Backend, Store};
///
/// /// Never commits anything.
/// #[derive(Debug)]
/// struct ReadOnly<S>(S);
///
/// #[async_trait]
/// impl<S: Backend> Store for ReadOnly<S> {
///     async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
///         self.0.load(plan).await
///     }
///
///     async fn commit(&self, _: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
///         Err(StoreError::Refused { detail: "read-only".to_owned() })
///     }
/// }
///
/// rewards_storage::forward_store!(impl<S: Backend> for ReadOnly<S>, |this| this.0);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! forward_store {
    (impl $(<$($generic:ident : $bound:path),+>)? for $wrapper:ty, |$this:ident| $inner:expr) => {
        $crate::forward_store! {
            impl $(<$($generic: $bound),+>)? for $wrapper,
            |$this| $inner,
            query: async { Ok::<(), $crate::error::StoreError>(()) },
            outbox: async { Ok::<(), $crate::error::StoreError>(()) }
        }
    };
    (
        impl $(<$($generic:ident : $bound:path),+>)? for $wrapper:ty,
        |$this:ident| $inner:expr,
        query: $query:expr,
        outbox: $outbox:expr
    ) => {
        $crate::forward_query! {
            impl $(<$($generic: $bound),+>)? for $wrapper, |$this| $inner, query: $query
        }

        #[$crate::forward::async_trait]
        impl $(<$($generic: $bound),+>)? $crate::store::Outbox for $wrapper {
            async fn claim(
                &self,
                tenant: &$crate::forward::TenantId,
                owner: $crate::forward::Uuid,
                now: $crate::forward::Timestamp,
                until: $crate::forward::Timestamp,
                limit: u32,
            ) -> ::std::result::Result<
                ::std::vec::Vec<$crate::store::Claimed>,
                $crate::error::StoreError,
            > {
                let $this = self;
                $outbox.await?;
                $crate::store::Outbox::claim(&$inner, tenant, owner, now, until, limit).await
            }

            async fn acknowledge(
                &self,
                tenant: &$crate::forward::TenantId,
                owner: $crate::forward::Uuid,
                events: &[($crate::forward::Stream, u64)],
            ) -> ::std::result::Result<u64, $crate::error::StoreError> {
                let $this = self;
                $outbox.await?;
                $crate::store::Outbox::acknowledge(&$inner, tenant, owner, events).await
            }

            async fn release(
                &self,
                tenant: &$crate::forward::TenantId,
                owner: $crate::forward::Uuid,
                events: &[($crate::forward::Stream, u64)],
            ) -> ::std::result::Result<u64, $crate::error::StoreError> {
                let $this = self;
                $outbox.await?;
                $crate::store::Outbox::release(&$inner, tenant, owner, events).await
            }
        }
    };
}

/// Implements the read side of a wrapper alone, as [`forward_store!`](crate::forward_store) does: for one that looks at the
/// outbox as well.
#[macro_export]
macro_rules! forward_query {
    (
        impl $(<$($generic:ident : $bound:path),+>)? for $wrapper:ty,
        |$this:ident| $inner:expr,
        query: $query:expr
    ) => {
        $crate::forward_calls! {
            [$(<$($generic: $bound),+>)?] $wrapper, $this, $inner, $query,
            fn programs(
                tenant: &$crate::forward::TenantId,
                known: &[($crate::forward::ProgramId, u32)],
            ) -> ::std::vec::Vec<$crate::forward::ProgramWrite>;
            fn due_members(
                tenant: &$crate::forward::TenantId,
                now: $crate::forward::Timestamp,
                after: ::std::option::Option<$crate::store::DuePlace>,
                limit: u32,
            ) -> $crate::store::DuePage;
            fn members(
                tenant: &$crate::forward::TenantId,
                after: $crate::store::AfterMember,
                limit: u32,
            ) -> ::std::vec::Vec<$crate::store::MemberHead>;
            fn journal(
                tenant: &$crate::forward::TenantId,
                after: ::std::option::Option<($crate::forward::MemberId, u64)>,
                limit: u32,
            ) -> ::std::vec::Vec<$crate::forward::JournalEntry>;
            fn control_accounts(tenant: &$crate::forward::TenantId)
                -> ::std::vec::Vec<($crate::forward::Purpose, $crate::forward::Asset, i128)>;
            fn counters(
                tenant: &$crate::forward::TenantId,
                subject: &$crate::forward::Subject,
            ) -> ::std::vec::Vec<(::std::string::String, i64, i64)>;
            fn entities(
                tenant: &$crate::forward::TenantId,
                kind: &'static str,
                after: ::std::option::Option<$crate::forward::SmolStr>,
                limit: u32,
            ) -> ::std::vec::Vec<($crate::forward::SmolStr, $crate::forward::EntityRow)>;
            fn health() -> $crate::store::StoreHealth;
            fn backup(path: &::std::path::Path) -> ();
        }
    };
}

/// One line a call of the read side.
#[doc(hidden)]
#[macro_export]
macro_rules! forward_calls {
    (
        [$($generics:tt)*] $wrapper:ty, $this:ident, $inner:expr, $query:expr,
        $(fn $call:ident($($name:ident: $type:ty),* $(,)?) -> $result:ty;)*
    ) => {
        #[$crate::forward::async_trait]
        impl $($generics)* $crate::store::Query for $wrapper {
            $(
                async fn $call(
                    &self,
                    $($name: $type),*
                ) -> ::std::result::Result<$result, $crate::error::StoreError> {
                    let $this = self;
                    $query.await?;
                    $crate::store::Query::$call(&$inner, $($name),*).await
                }
            )*

            async fn books<'s>(
                &'s self,
                tenant: &$crate::forward::TenantId,
            ) -> ::std::result::Result<
                ::std::boxed::Box<dyn $crate::store::BookView + 's>,
                $crate::error::StoreError,
            > {
                let $this = self;
                $query.await?;
                $crate::store::Query::books(&$inner, tenant).await
            }
        }
    };
}

#[doc(hidden)]
pub use async_trait::async_trait;
#[doc(hidden)]
pub use rewards_core::{
    counter::Subject,
    decision::ProgramWrite,
    entity::EntityRow,
    event::Stream,
    ids::{MemberId, ProgramId, TenantId},
    ledger::{JournalEntry, Purpose},
    money::Asset,
    time::Timestamp,
};
#[doc(hidden)]
pub use smol_str::SmolStr;
#[doc(hidden)]
pub use uuid::Uuid;
