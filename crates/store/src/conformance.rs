//! What every [`crate::Store`] must do, as one suite that is stamped on each of them:
//!
//! ```text
//! async fn open() -> (Arc<dyn Store>, TempDir) { … }
//! stayhook_store::conformance::stamp!(open);
//! ```
//!
//! The function opens an empty store; what it returns beside it is dropped after the test.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "this is test code, compiled for tests only: a step that fails has to panic, and its name says what holds"
)]

pub mod audit;
pub mod change;
pub mod claim;
pub mod conclude;
pub mod disable;
pub mod entitlement;
pub mod event_types;
pub mod hold;
pub mod intake;
pub mod log;
pub mod order;
pub mod profiles;
pub mod recover;
pub mod requeue;
pub mod reseal;
pub mod retention;
pub mod rotate;
pub mod search;
pub mod stats;
pub mod take_over;
pub mod tokens;
pub mod webhooks;

mod fixtures;

pub use crate::stamp_store_conformance as stamp;

/// Makes a test of every case, for the store that the given function opens.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_store_conformance {
    ($open:path) => {
        $crate::stamp_store_conformance! { @cases $open;
            webhooks::a_registered_webhook_reads_back
            webhooks::concurrent_registrations_never_share_a_slot
            webhooks::a_deleted_webhook_frees_its_slot_but_not_its_number
            webhooks::a_lowered_limit_counts_what_is_there
            webhooks::scopes_hide_what_they_do_not_see
            webhooks::pages_neither_skip_nor_repeat_while_others_register
            webhooks::lists_filter_by_property_and_status

            change::a_change_that_changes_nothing_writes_nothing
            change::every_option_can_be_changed
            change::another_url_pulls_retries_forward_and_clears_the_clock
            change::dropped_types_are_cancelled
            change::many_of_dropped_types_are_cancelled_by_the_sweeper
            change::pausing_holds_and_resuming_releases
            change::resuming_with_latest_keeps_the_newest_of_each_booking
            change::resuming_with_discard_drops_what_was_held
            change::disabling_cancels_what_waits
            change::what_is_refused_changes_nothing
            change::reactivation_revives_nothing
            change::deleting_cancels_what_waits
            change::a_change_of_another_version_is_refused
            change::one_of_concurrent_changes_of_a_version_wins
            change::credentials_are_stored_replaced_and_cleared
            change::credentials_of_a_refused_change_are_not_stored

            rotate::a_rotation_overlaps_and_the_sweeper_ends_it
            rotate::a_rotation_without_an_overlap_is_immediate
            rotate::a_second_rotation_ends_the_first
            rotate::a_rotation_that_is_over_is_one_secret_for_the_next
            rotate::a_refused_rotation_changes_nothing
            rotate::a_webhook_that_is_switched_off_can_be_rotated
            rotate::many_rotations_end_in_bounded_batches

            requeue::a_delivered_delivery_is_sent_again
            requeue::whatever_ended_can_be_retried
            requeue::what_waits_is_due_at_once
            requeue::what_is_under_way_is_left_alone
            requeue::nothing_is_requeued_for_a_webhook_that_is_not_active
            requeue::what_is_not_in_the_log_is_not_found
            requeue::a_retried_delivery_can_be_called_off
            requeue::late_conclusions_do_not_touch_what_was_requeued
            requeue::what_was_requeued_and_lost_is_taken_over
            requeue::concurrent_retries_make_one_delivery_due

            recover::recovery_requeues_what_failed_and_what_was_missed
            recover::recovery_keeps_to_what_was_asked_for
            recover::a_large_recovery_is_complete_and_in_order
            recover::concurrent_recoveries_requeue_each_delivery_once
            recover::recovery_brings_nothing_back_that_was_superseded
            recover::recovery_leaves_what_would_end_at_once_again
            recover::what_is_too_old_expires_again

            entitlement::nothing_is_set_at_first
            entitlement::what_is_set_reads_back
            entitlement::what_is_set_already_is_not_written

            event_types::event_types_read_back
            event_types::an_event_type_is_replaced
            event_types::announcing_adds_no_event_type

            audit::every_change_of_a_webhook_is_written_down
            audit::reasons_and_what_became_of_held_deliveries_are_written_down
            audit::requeueing_is_written_down
            audit::what_concerns_no_webhook_is_written_down
            audit::the_72_hour_rule_is_written_down
            audit::what_changes_nothing_is_not_written_down
            audit::no_secret_is_written_down
            audit::filters_narrow_the_audit_log
            audit::pages_neither_skip_nor_repeat_while_others_write
            audit::a_filter_that_matches_rarely_gives_short_pages

            stats::tallies_add_up
            stats::a_window_holds_whole_hours
            stats::webhooks_and_deliveries_are_counted_as_they_stand
            stats::old_tallies_are_pruned

            reseal::what_is_sealed_under_the_first_key_is_left_alone

            search::deliveries_of_all_webhooks_are_found
            search::filters_narrow_the_search
            search::pages_neither_skip_nor_repeat_across_webhooks
            search::a_search_that_matches_rarely_gives_short_pages
            search::a_log_in_which_few_match_gives_short_pages

            intake::an_accepted_event_reads_back
            intake::the_same_key_gives_the_first_event
            intake::the_same_key_with_other_content_is_a_conflict
            intake::keys_are_claimed_within_a_batch_too
            intake::keys_belong_to_their_client
            intake::concurrent_repetitions_are_accepted_once
            intake::skipped_targets_say_why
            intake::each_webhook_gets_its_own_bytes
            intake::waiting_for_a_webhook_that_was_switched_off_ends_at_once
            intake::nothing_to_send_makes_no_handoff

            conclude::an_accepted_attempt_delivers
            conclude::a_second_conclusion_writes_nothing
            conclude::a_second_conclusion_of_a_claim_writes_nothing
            conclude::a_failure_waits_is_claimed_and_delivered
            conclude::an_attempt_reads_back
            conclude::a_spilled_delivery_waits
            conclude::a_spilled_delivery_of_a_webhook_that_is_gone_ends
            conclude::a_delivery_is_called_off_without_an_attempt
            conclude::a_faulty_engine_is_not_the_receivers_failure
            conclude::a_receiver_can_ask_to_come_back
            conclude::a_failure_while_paused_is_held
            conclude::what_was_in_flight_when_its_webhook_was_deleted_counts
            conclude::a_batch_is_written_in_order

            profiles::bodies_keep_their_profiles
            profiles::the_newest_within_a_window_takes_the_place_of_the_others
            profiles::what_comes_after_a_window_begins_another
            profiles::only_events_of_one_type_booking_and_webhook_are_gathered
            profiles::a_batch_is_gathered_within_itself
            profiles::gathering_keeps_to_the_order_of_a_booking
            profiles::a_receiver_that_wants_nothing_more_disables_its_webhook
            profiles::a_profile_may_have_a_schedule_of_its_own

            claim::a_lease_keeps_others_away
            claim::a_lease_that_ran_out_closes_the_fence
            claim::a_lease_that_nobody_took_over_still_counts
            claim::claims_are_in_order_of_due_time_and_acceptance
            claim::a_flooded_webhook_delays_nobody
            claim::a_client_with_many_webhooks_delays_no_other
            claim::clients_take_turns
            claim::skipped_webhooks_are_left_alone
            claim::next_says_when_to_come_back
            claim::concurrent_claims_never_share_a_delivery

            order::a_newer_event_waits_until_the_older_one_is_terminal
            order::order_is_that_of_acceptance_not_of_clocks
            order::events_of_one_commit_are_in_order
            order::whatever_ends_a_delivery_lets_the_next_one_go
            order::only_the_newest_event_waits
            order::a_retried_delivery_waits_its_turn
            order::a_retried_delivery_gives_way_to_a_newer_one
            order::an_order_applies_at_once
            order::the_newest_does_not_wait_for_a_retry_once_it_is_the_order
            order::a_large_change_of_order_is_finished_by_the_sweeper
            order::what_was_in_memory_comes_back_to_its_place
            order::what_a_dead_process_held_keeps_its_place
            order::resumption_keeps_the_order
            hold::the_oldest_expire_beyond_the_number
            hold::what_is_held_too_long_expires
            hold::what_was_in_flight_at_the_pause_is_held_too
            hold::limits_are_kept_in_bounded_batches
            hold::an_active_webhook_has_no_such_limit
            hold::a_large_release_is_finished_by_the_sweeper

            take_over::what_was_in_memory_falls_due
            take_over::what_was_leased_falls_due
            take_over::what_was_settled_stays_settled
            take_over::what_cannot_wait_ends

            disable::a_run_of_failures_starts_a_clock_and_a_success_clears_it
            disable::a_success_in_between_is_honoured
            disable::the_attempt_after_72_hours_disables
            disable::the_clock_disables_at_exactly_72_hours
            disable::silence_clears_the_clock
            disable::a_paused_webhook_is_never_disabled
            disable::an_outage_of_our_own_does_not_count
            disable::many_clocks_stand_still
            disable::a_large_cancellation_is_finished_by_the_sweeper
            disable::reactivation_finishes_the_cancellation
            disable::a_large_deletion_is_finished_by_the_sweeper
            disable::a_deleted_webhook_has_no_clock

            retention::what_waits_too_long_expires
            retention::pruning_leaves_nothing_behind
            retention::a_sweep_is_bounded_and_says_when_to_go_on
            retention::a_key_lives_as_long_as_its_event
            retention::a_conclusion_after_pruning_writes_nothing
            retention::an_empty_store_has_nothing_to_sweep

            log::states_are_derived
            log::pages_neither_skip_nor_repeat_while_deliveries_move
            log::filters_narrow_the_log
            log::state_filters_find_every_place
            log::a_delivery_that_never_was_is_not_found

            tokens::tokens_read_back
            tokens::a_revoked_token_is_no_token
            tokens::a_token_hash_is_stored_once
            tokens::a_ping_answers
        }
    };
    (@cases $open:path; $($module:ident::$name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let (store, _home) = $open().await;
                $crate::conformance::$module::$name(store).await;
            }
        )*
    };
}
