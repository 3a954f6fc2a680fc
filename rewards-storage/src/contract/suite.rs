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
                    program_revisions_follow
                    program_revisions_chain_in_a_group
                    revisions_are_counted
                    what_follows_is_not_applied_without_what_it_follows
                    racing_publishers_make_one_revision
                    racing_writers_move_a_member_once
                    chained_writes_follow_in_a_group
                    refused_link_breaks_only_its_chain
                    followers_rest_on_all_before_them
                    a_link_that_was_not_made_breaks_its_chain_at_any_version
                    the_first_failing_check_wins
                    within_a_kind_the_list_wins
                    tenants_are_isolated
                    ids_are_compared_bytewise
                    large_groups_apply
                }
                entities {
                    absent_and_version_are_exact
                    entities_come_back_whole
                    exists_comes_before_stale
                    entities_chain_in_a_group
                    a_later_batch_of_a_group_finds_what_an_earlier_one_made
                    racing_makers_make_one_entity
                    racing_writers_move_an_entity_once
                    one_lost_race_costs_one_command
                    kinds_are_told_apart
                }
                receipts {
                    entity_keys_replay
                    receipts_of_given_keys_answer_entity_keys
                    receipts_never_change
                    entity_keys_replay_within_a_group
                    racers_of_an_entity_key_apply_once
                    an_entity_without_receipt_exists
                    given_and_natural_keys_are_apart
                    keyless_batches_leave_no_reply
                }
                pages {
                    newest_come_first
                    pages_of_an_owner
                    pages_of_a_group
                    pages_of_what_is_due
                    pages_show_everything_once_while_others_come_and_go
                    members_page_newest_first
                    members_come_back_whole
                    pages_and_keys_are_one_view
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
                    control_accounts_add_up
                    concurrent_transfers_add_up
                    control_ranges_are_exact
                    control_ranges_follow_within_a_group
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
                    lots_of_all_are_paged
                    lots_come_back_whole
                    lots_move_within_a_group
                }
                outbox {
                    events_come_back_whole
                    events_are_gapless
                    racing_events_are_gapless
                    oldest_come_first
                    streams_leave_in_order_whatever_the_clocks_say
                    a_clock_that_is_behind_opens_no_leased_stream
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
                    health_counts_up_to_a_bound
                }
                sweeps {
                    members_are_swept
                    journals_are_swept
                    entities_are_swept
                    due_members_are_swept
                    much_that_is_due_hides_nobody
                    settled_members_are_not_due
                    counters_of_a_subject_are_listed
                    programs_are_listed
                    empty_pages_are_empty
                }
                books {
                    books_show_everything
                    books_stay_as_they_are
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
