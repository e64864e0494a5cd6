//! End-to-end stories, named after the rules of delivery (CONTRACT, section 7), each on both
//! databases.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "patience is measured on the real clock")]

mod clock;
mod house;

mod crash;
mod delivery;
mod disable;
mod entitlement;
mod oauth2;
mod order;
mod outage;
mod pause;
mod platforms;
mod profiles;
mod registry;
mod requests;
mod retention;
mod retries;
mod safety;

/// Makes every story a test on each database; one that is not listed is dead code.
macro_rules! on_both_databases {
    ($($chapter:ident: $($story:ident),+;)+) => {
        mod on_sqlite {
            $(mod $chapter { $(
                #[tokio::test]
                async fn $story() {
                    crate::$chapter::$story(crate::house::Database::Sqlite).await;
                }
            )+ })+
        }
        mod on_postgres {
            $(mod $chapter { $(
                #[tokio::test]
                async fn $story() {
                    crate::$chapter::$story(crate::house::Database::Postgres).await;
                }
            )+ })+
        }
    };
}

on_both_databases! {
    crash:
        what_was_in_flight_at_a_crash_is_sent_again_and_marked,
        a_crash_in_the_middle_of_many_loses_none,
        an_orderly_stop_sends_nothing_twice,
        an_orderly_stop_invents_no_attempts,
        retries_survive_a_restart;
    delivery:
        a_booking_arrives_signed_and_without_what_is_sensitive,
        rule_1_the_same_bytes_again_signed_anew,
        rule_2_any_2xx_is_success_whatever_its_body_does,
        rule_2_a_success_with_a_login_page_is_delivered_and_doubted,
        rule_2_everything_else_fails_and_is_told_apart,
        rule_10_a_hanging_receiver_delays_nobody_else,
        rule_9_events_of_a_booking_arrive_in_order;
    disable:
        rule_4_disabled_on_time_and_rule_5_what_waits_is_cancelled,
        rule_4_any_success_clears_the_clock,
        rule_4_a_silent_webhook_is_not_disabled,
        rule_6_nothing_is_sent_while_paused_and_all_of_it_after,
        what_is_disabled_cannot_be_paused;
    entitlement:
        rule_7_skipped_at_fan_out_and_cancelled_before_a_later_attempt,
        rule_7_what_is_held_is_judged_when_its_attempt_comes,
        rule_7_the_default_is_the_configurations,
        what_happens_is_counted_and_outlives_the_process;
    oauth2:
        bookingkit_fetches_a_token_once_and_anew_when_it_is_refused,
        a_failing_token_endpoint_is_a_failure_that_is_retried,
        many_at_once_share_one_token,
        a_hostile_token_endpoint_fails_the_attempt_alone,
        a_token_endpoint_keeps_to_the_rules_of_addresses,
        credentials_are_shown_by_nothing;
    platforms:
        nowbookit_is_sent_to_by_its_document,
        nowbookit_is_asked_again_without_a_failure,
        nowbookit_gets_the_updates_of_a_sale_one_by_one,
        nowbookit_brings_its_order_to_a_webhook_that_changes_to_it,
        nowbookit_raises_an_alarm_where_the_registration_is_wrong,
        bookingkit_gets_the_order_alone_with_patch,
        bookingscheduler_verifies_what_it_writes_anew,
        ticketing_gets_two_parts_of_26_kinds,
        ticketing_gets_the_newest_of_a_window,
        standard_webhooks_is_verified_by_its_library;
    profiles:
        a_body_keeps_the_profile_by_which_it_was_made,
        a_changed_profile_alters_nothing_that_was_accepted,
        a_profile_that_is_missing_loses_nothing,
        a_profile_that_is_missing_is_no_receivers_failure,
        a_shadow_profile_signs_the_same_request,
        fixed_credentials_are_sent,
        a_receiver_that_is_gone_disables_its_webhook,
        a_profile_has_a_schedule_of_its_own,
        a_url_is_judged_after_it_is_filled_in;
    order:
        rule_6_what_is_held_is_limited_by_number_and_age,
        rule_9_a_newer_event_waits_until_the_older_one_has_ended,
        rule_9_an_order_applies_at_once,
        rule_9_many_events_of_many_bookings_keep_their_order,
        rule_9_with_newest_a_newer_event_takes_the_place_of_older_ones;
    outage:
        rule_4_while_our_own_network_is_gone_nobody_is_to_blame,
        rule_4_one_receiver_out_of_reach_is_to_blame_itself;
    pause:
        rule_6_what_is_in_flight_at_the_pause_finishes_and_counts,
        rule_4_time_spent_paused_never_counts,
        rule_6_more_than_one_transaction_takes_is_discarded_at_once_all_the_same;
    registry:
        deletion_cancels_what_waits_and_frees_the_slot,
        a_webhook_gets_the_events_that_come_after_it,
        custom_parameters_only_where_they_are_wanted;
    requests:
        a_rotation_is_announced_byte_for_byte_beside_the_old_signature,
        a_rotation_ends_on_time_also_after_a_restart,
        what_failed_and_what_was_missed_is_recovered_once_each,
        a_delivered_one_can_be_sent_again,
        a_test_reaches_the_receiver_when_nothing_else_does,
        a_test_keeps_to_the_rules_of_addresses;
    retention:
        what_still_waits_expires_and_then_everything_is_pruned;
    retries:
        rule_3_the_published_schedule,
        rule_3_retry_after_lengthens_a_delay,
        rule_8_another_url_is_tried_within_the_base,
        rule_8_dropped_types_are_cancelled,
        rule_8_a_failure_at_the_old_url_does_not_count;
    safety:
        a_private_address_is_refused_at_registration,
        a_url_that_the_rules_no_longer_allow_is_never_called;
}
