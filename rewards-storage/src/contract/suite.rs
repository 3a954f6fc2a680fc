//! The list of laws, as macros that make one test of each.

/// Makes a module of tests, one for each law of the [contract](crate::contract).
///
/// The first argument names the module. The second is an expression whose future yields a [`Subject`](crate::contract::Subject) on an empty
/// tenant, or an `Option` of one: `None` skips the test, for backends that are not always there. It is evaluated once
/// per test, in the scope of the invocation. The invoking crate needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! contract_tests {
    ($name:ident, $subject:expr) => {
        mod $name {
            #[allow(
                unused_imports,
                reason = "the expression may be written with full paths"
            )]
            use super::*;

            $crate::contract_laws! { $subject,
                atomicity {
                    applied_is_visible_everywhere
                    refused_leaves_nothing
                    refused_takes_no_neighbour
                    nothing_is_nothing
                    absent_and_repeated_rows_load
                    journal_is_insert_only
                    dropped_commit_is_whole
                    load_is_one_view
                }
                idempotency {
                    replay_is_byte_identical
                    replay_has_no_effect
                    key_with_other_fingerprint_is_reused
                    racers_apply_once
                    racers_with_two_fingerprints_are_told_apart
                    keys_are_scoped_by_tenant
                    keys_are_scoped_by_operation
                    keys_are_compared_bytewise
                    repetition_within_a_group_replays
                    refusal_leaves_the_key_free
                    lost_acknowledgement_replays
                    empty_changes_store_the_reply
                    changes_are_shared_not_taken
                }
                versions {
                    member_versions_are_exact
                    purchase_versions_are_exact
                    program_revisions_follow
                    program_revisions_chain_in_a_group
                    racing_publishers_make_one_revision
                    racing_writers_move_a_member_once
                    chained_writes_follow_in_a_group
                    refused_link_breaks_only_its_chain
                    a_link_that_was_not_made_breaks_its_chain_at_any_version
                    the_first_failing_check_wins
                    within_a_kind_the_list_wins
                    tenants_are_isolated
                    ids_are_compared_bytewise
                    large_groups_apply
                }
                guards {
                    counter_bound_is_exact
                    releases_are_never_refused
                    deltas_of_a_batch_add_up
                    counters_follow_within_a_group
                    concurrent_deltas_keep_the_bound
                    opposite_orders_do_not_deadlock
                    counters_are_told_apart
                    counter_ranges_are_inclusive
                    huge_counters_are_exact
                    floor_is_exact
                    floor_is_checked_after_the_batch
                    floors_are_per_account
                    concurrent_debits_keep_the_floor
                    huge_balances_are_exact
                }
                ledger {
                    entries_come_back_whole
                    statements_filter
                    statements_page
                    balances_at_an_instant
                    balances_refold
                }
                lots {
                    lots_are_selected
                    lots_come_back_whole
                    lots_move_within_a_group
                }
                outbox {
                    events_come_back_whole
                    events_are_gapless
                    racing_events_are_gapless
                    oldest_come_first
                    claim_of_none_leases_none
                    leased_stream_is_closed
                    expired_leases_are_handed_out_again
                    acknowledged_events_are_gone
                    late_acknowledgement_counts
                    released_events_are_handed_out_again
                    streams_of_one_name_are_two
                    outboxes_are_isolated
                    concurrent_claims_share_nothing
                    health_sees_waiting_events
                }
                sweeps {
                    members_are_swept
                    journals_are_swept
                    balances_are_swept
                    due_members_are_swept
                    settled_members_are_not_due
                    counters_of_a_subject_are_listed
                    programs_are_listed
                    empty_pages_are_empty
                }
            }
        }
    };
}

/// One test for each law; called by [`contract_tests!`](crate::contract_tests) only.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_laws {
    ($subject:expr, $($area:ident { $($law:ident)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let subject: Option<$crate::contract::Subject> = $subject.await.into();
                if let Some(subject) = subject {
                    $crate::contract::$area::$law(&subject).await;
                }
            }
        )*)*
    };
}
