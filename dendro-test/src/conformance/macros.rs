//! A test per property.

/// Makes a module with a test for each property of a source; the expression makes a
/// [`SourceFixture`](crate::conformance::SourceFixture) with a world of its own.
///
/// ```
/// use dendro_test::{batches, conformance::SourceFixture, mock::MockLog};
/// use dendro_core::{EventRef, Source};
///
/// struct Fixture(MockLog);
///
/// #[async_trait::async_trait]
/// impl SourceFixture for Fixture {
///     fn source(&self) -> Box<dyn Source> {
///         Box::new(self.0.source())
///     }
///     async fn feed(&self, stream: usize, records: &[String]) {
///         self.0.push(batches::lines(&format!("stream {stream}"), 0, records));
///     }
///     fn can_replay(&self) -> bool {
///         true
///     }
/// }
///
/// dendro_test::source_conformance!(mock_source, Fixture(MockLog::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! source_conformance {
    ($name:ident, $fixture:expr) => {
        $crate::__tests_of!($name, $fixture, source, [
            checkpoint_waits_for_settlement
            checkpoint_is_never_ahead_of_the_oldest_unsettled
            abandoned_is_sent_again
            restart_sends_what_was_not_settled
            restart_does_not_send_what_was_settled
            memory_is_bounded_while_the_pipeline_stalls
            stops_while_idle
            stops_while_the_pipeline_is_full
            lets_go_of_its_output_before_it_waits
            empty_input_gives_no_batch
            much_input_comes_in_batches_within_the_caps
            order_is_kept_within_a_stream
            events_say_where_they_come_from
            says_whether_it_can_replay
        ]);
    };
}

/// Makes a module with a test for each property of a transform; the expression makes a
/// [`TransformFixture`](crate::conformance::TransformFixture).
///
/// ```
/// use dendro_core::filter;
/// use dendro_test::conformance::TransformWorld;
///
/// dendro_test::transform_conformance!(
///     short_lines,
///     TransformWorld::lines(|| filter(|e| e.raw().len() < 10), ["short", "too long by some bytes", ""])
/// );
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! transform_conformance {
    ($name:ident, $fixture:expr) => {
        $crate::__tests_of!($name, $fixture, transform, [
            empty_batch_gives_nothing
            largest_batches_are_handled
            every_event_is_accounted_for
            order_is_kept
            raw_text_is_untouched
            instances_are_independent
            streams_are_independent
            schema_says_what_is_emitted
            snapshot_restores_at_any_point
            batch_boundaries_do_not_matter
            every_token_resolves
            failure_dead_letters_the_raw_text
        ]);
    };
}

/// Makes a module with a test for each property of a sink; the expression makes a
/// [`SinkFixture`](crate::conformance::SinkFixture) with a world of its own.
///
/// ```
/// use dendro_test::{conformance::SinkFixture, mock::Stored};
/// use dendro_core::Sink;
///
/// struct Fixture(Stored);
///
/// #[async_trait::async_trait]
/// impl SinkFixture for Fixture {
///     fn sink(&self) -> Box<dyn Sink> {
///         Box::new(self.0.sink().staged())
///     }
///     async fn read_back(&self) -> Option<Vec<String>> {
///         Some(self.0.ids())
///     }
/// }
///
/// dendro_test::sink_conformance!(mock_sink, Fixture(Stored::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! sink_conformance {
    ($name:ident, $fixture:expr) => {
        $crate::__tests_of!($name, $fixture, sink, [
            nothing_is_acknowledged_before_it_is_durable
            staged_writes_become_durable_by_commit
            stage_numbers_are_not_used_again
            failed_writes_are_delivered_later
            outage_loses_nothing
            cancelled_write_leaves_it_working
            cancelled_commit_is_told_by_the_next
            write_after_a_time_out_has_the_same_id
            empty_drain_succeeds
            largest_batch_is_written
            order_is_kept_within_a_stream
            drains_before_the_deadline
            panic_fails_the_batch_alone
            partial_failure_names_the_right_events
        ]);
    };
}

/// Makes a module with a test for each property of a buffer; the expression makes a
/// [`BufferFixture`](crate::conformance::BufferFixture) with content of its own.
///
/// ```
/// use dendro_core::pipeline::MemoryBuffer;
/// use dendro_core::{Buffer, WhenFull};
/// use dendro_test::conformance::BufferFixture;
///
/// struct Fixture;
///
/// impl BufferFixture for Fixture {
///     fn buffer(&self) -> Box<dyn Buffer> {
///         Box::new(MemoryBuffer::new())
///     }
///     fn bounded(&self, events: u64, when_full: WhenFull) -> Option<Box<dyn Buffer>> {
///         Some(Box::new(MemoryBuffer::new().max_events(events as usize).when_full(when_full)))
///     }
///     fn is_durable(&self) -> bool {
///         false
///     }
/// }
///
/// dendro_test::buffer_conformance!(memory, Fixture);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! buffer_conformance {
    ($name:ident, $fixture:expr) => {
        $crate::__tests_of!($name, $fixture, buffer, [
            what_is_written_comes_out_once_and_in_order
            level_counts_what_waits
            stop_sends_what_is_left
            stops_while_idle
            lets_go_of_its_output_before_it_waits
            what_is_abandoned_comes_again
            a_restart_goes_on
            full_blocks
            full_drops_newest_and_says_so
            full_refuses_to_the_dead_letters
            cancelled_write_leaves_it_working
            acknowledges_as_it_says
        ]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests_of {
    ($name:ident, $fixture:expr, $role:ident, [$($property:ident)*]) => {
        mod $name {
            #[allow(unused_imports, reason = "the fixture may need none of them")]
            use super::*;
            $(
                #[test]
                fn $property() {
                    $crate::conformance::check(
                        stringify!($property),
                        $crate::conformance::$role::$property($crate::conformance::erased::$role(|| $fixture)),
                    );
                }
            )*
        }
    };
}
