//! Each property of buffers fails on a buffer that was broken on purpose, and holds for the same one unbroken.

use crate::shelf::{Flaw, Shelf};
use dendro_core::pipeline::MemoryBuffer;
use dendro_core::{Buffer, WhenFull};
use dendro_test::conformance::{BufferFixture, Verdict, buffer as suite, judge};

fn fails(verdict: Verdict, flaw: Flaw) {
    let wrong = verdict.expect_err(&format!("{flaw:?} was not noticed"));
    println!("{flaw:?}: {wrong}");
}

macro_rules! noticed {
    ($($property:ident: $($flaw:ident),+;)*) => {$(
        #[test]
        fn $property() {
            $(fails(judge(suite::$property(|| Shelf::new(Flaw::$flaw))), Flaw::$flaw);)+
        }
    )*};
}

noticed! {
    what_is_written_comes_out_once_and_in_order: LosesOne, Reverses, SendsTwice;
    level_counts_what_waits: CountsNothing, ForgetsWhatItSent, NeverForgets;
    stop_sends_what_is_left: StopsAtOnce;
    stops_while_idle: NeverStops;
    lets_go_of_its_output_before_it_waits: KeepsItsOutput, EndsUnsettled;
    what_is_abandoned_comes_again: ForgetsWhatItSent, KeepsInMemory;
    a_restart_goes_on: KeepsInMemory, NeverForgets;
    full_blocks: HasNoLimit;
    full_drops_newest_and_says_so: HasNoLimit, DropsSilently;
    full_refuses_to_the_dead_letters: HasNoLimit, DropsInsteadOfRefusing;
    cancelled_write_leaves_it_working: StaysBusyWhenCancelled;
    acknowledges_as_it_says: PassesTokensOn;
}

dendro_test::buffer_conformance!(unbroken, Shelf::new(Flaw::None));

struct Memory {
    best_effort: bool,
}

impl Memory {
    fn make(&self) -> MemoryBuffer {
        if self.best_effort { MemoryBuffer::best_effort() } else { MemoryBuffer::new() }
    }
}

impl BufferFixture for Memory {
    fn buffer(&self) -> Box<dyn Buffer> {
        Box::new(self.make())
    }
    fn bounded(&self, events: u64, when_full: WhenFull) -> Option<Box<dyn Buffer>> {
        Some(Box::new(self.make().max_events(events as usize).when_full(when_full)))
    }
    fn is_durable(&self) -> bool {
        false
    }
}

dendro_test::buffer_conformance!(memory, Memory { best_effort: false });
dendro_test::buffer_conformance!(memory_best_effort, Memory { best_effort: true });
