"""Every fault that uimon has to survive: how the tests make it, the one outcome that is allowed, where it is tested.

`tests` are functions, named by file and name; all their parameters belong to the fault. The results of a test run are
printed by fault at its end (see tests/conftest.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table."""

    number: int
    fault: str
    injection: str
    outcome: str
    tests: tuple[str, ...]


_INSPECTION = "tests/checkpoints/test_inspection.py"
_STAGING = "tests/checkpoints/test_staging.py"
_WATCH = "tests/checkpoints/test_watch.py"
_LEDGER = "tests/test_ledger.py"
_REBUILD = "tests/test_ledger_rebuild.py"
_SERVICE = "tests/service/test_service.py"
_STAGE = "tests/service/test_stage.py"
_EARLY = "tests/service/test_early.py"
_OUTBOX = "tests/publish/test_outbox.py"
_PUBLISHER = "tests/publish/test_publisher.py"
_WANDB = "tests/publish/test_faults.py"
_TRUST = "tests/engine/test_trust.py"
_BYTES = "tests/engine/test_bytes.py"
_POINTERS = "tests/checkpoints/test_pointers.py"
_HERE = "tests/faults/test_table.py"

FAULTS = (
    Fault(
        1,
        "weights half written",
        "a writer that is slow, or killed",
        "partial; complete with the last byte",
        (
            f"{_INSPECTION}::test_in_the_order_of_writing_only_the_last_byte_completes_it",
            f"{_STAGING}::test_a_writer_racing_with_the_copy_never_gets_a_mixture_through",
        ),
    ),
    Fault(
        2,
        "index there, a shard missing",
        "files in the Trainer's order, stopped early",
        "partial",
        (f"{_INSPECTION}::test_a_sharded_checkpoint_needs_its_index_and_every_shard",),
    ),
    Fault(
        3,
        "full length with a hole",
        "truncate to the full size",
        "partial",
        (f"{_INSPECTION}::test_a_preallocated_shard_with_a_hole_is_not_complete",),
    ),
    Fault(
        4,
        "trainer_state.json empty or torn",
        "every beginning of it",
        "partial",
        (
            "tests/checkpoints/test_trainer_state.py::test_every_beginning_of_a_state_is_refused",
            f"{_INSPECTION}::test_each_missing_or_half_written_part_has_its_reason",
        ),
    ),
    Fault(
        5,
        "an abandoned partial, newer ones follow",
        "one that is never finished",
        "skipped(abandoned) where it was begun early; the newer ones are evaluated",
        (
            f"{_HERE}::test_an_abandoned_partial_holds_up_nothing",
            f"{_EARLY}::test_an_early_one_that_the_trainer_left_behind_is_dropped_with_its_reason",
            f"{_EARLY}::test_a_trainer_that_died_while_saving_does_not_keep_the_service_alive",
        ),
    ),
    Fault(
        6,
        "rotation before the copy",
        "deleted between look and copy",
        "skipped(deleted)",
        (
            f"{_STAGING}::test_deleted_before_the_copy_is_deleted",
            f"{_LEDGER}::test_what_vanishes_before_it_was_copied_is_skipped_and_what_was_copied_stays",
        ),
    ),
    Fault(
        7,
        "rotation during inspection, copy or load",
        "deleted at every moment",
        "copied whole, or skipped(deleted)",
        (
            f"{_STAGE}::test_a_checkpoint_deleted_while_it_is_loaded_in_place_is_skipped",
            f"{_STAGE}::test_a_failure_to_load_what_was_deleted_meanwhile_is_no_failure_of_the_engine",
            f"{_EARLY}::test_deleted_before_it_was_finished_is_skipped",
            f"{_STAGING}::test_rotation_in_the_middle_of_the_copy_loses_nothing",
            f"{_INSPECTION}::test_rotation_at_any_moment_is_never_an_exception",
        ),
    ),
    Fault(
        8,
        "a step written again",
        "other bytes under the same name",
        "evaluated again, with a uid of its own",
        (
            f"{_SERVICE}::test_the_same_step_written_again_is_evaluated_again_with_a_uid_of_its_own",
            f"{_STAGING}::test_a_step_written_again_during_the_copy_is_refused",
            f"{_STAGE}::test_weights_written_again_while_they_are_loaded_are_never_evaluated_as_the_old_ones",
            f"{_EARLY}::test_weights_written_again_before_the_end_are_evaluated_anew",
        ),
    ),
    Fault(
        9,
        "a temporary directory renamed",
        "mkdir, write, rename",
        "found under its last name",
        (f"{_WATCH}::test_a_rename_of_a_temporary_directory_wakes",),
    ),
    Fault(
        10,
        "odd names, foreign directories, links",
        "made beside the checkpoints",
        "left out",
        ("tests/checkpoints/test_discovery.py::test_checkpoints_are_sorted_by_number_and_foreign_entries_left_out",),
    ),
    Fault(
        11,
        "file events lost",
        "a watcher that hears nothing",
        "found at the next look",
        (f"{_WATCH}::test_events_that_are_lost_delay_but_lose_nothing",),
    ),
    Fault(
        12,
        "no inotify",
        "its instances used up",
        "said once; polling",
        (f"{_WATCH}::test_a_real_lack_of_inotify_instances_is_survived",),
    ),
    Fault(
        13,
        "the directory missing, removed, replaced",
        "made late, moved away and back",
        "waited for",
        (
            f"{_WATCH}::test_a_directory_that_comes_late_goes_and_comes_again",
            f"{_WATCH}::test_a_directory_replaced_by_another_is_watched",
            f"{_LEDGER}::test_a_directory_that_only_seemed_deleted_is_taken_up_again",
        ),
    ),
    Fault(
        14,
        "uimon killed at any point",
        "SIGKILL at named points",
        "one terminal row, one published row",
        (
            f"{_OUTBOX}::test_watcher_killed_at_any_point_leaves_each_row_once",
            f"{_LEDGER}::test_recovery_follows_the_table",
            f"{_EARLY}::test_after_a_crash_nothing_of_an_early_evaluation_counts",
            "tests/e2e/test_kill.py::test_a_killed_watcher_goes_on_where_it_was",
        ),
    ),
    Fault(
        15,
        "two watchers on one state directory",
        "started twice",
        "the second is refused, with the first one's process",
        (f"{_HERE}::test_a_second_watcher_of_a_state_directory_is_refused",),
    ),
    Fault(
        16,
        "the engine dies",
        "SIGKILL while it generates",
        "a fresh engine; three deaths fail the checkpoint",
        (
            f"{_SERVICE}::test_three_deaths_fail_the_checkpoint_and_the_next_goes_on",
            f"{_TRUST}::test_an_engine_that_dies_or_hangs_is_replaced",
        ),
    ),
    Fault(
        17,
        "the engine hangs",
        "SIGSTOP",
        "killed after its deadline, replaced",
        ("tests/engine/test_swap.py::test_a_stopped_host_runs_into_its_deadline",),
    ),
    Fault(
        18,
        "old weights served after a swap",
        "a swap that forgets the head",
        "found; fresh engines from then on",
        ("tests/engine/test_swap.py::test_a_reload_that_goes_wrong_in_silence_is_found_and_not_used_again",),
    ),
    Fault(
        19,
        "poisoned checkpoints",
        "NaN, other vocabulary, other base",
        "failed(reason); the next one is exact",
        (f"{_TRUST}::test_a_checkpoint_is_served_exactly_or_not_at_all",),
    ),
    Fault(
        20,
        "poisoned completions",
        "megabytes, deep nesting, NUL, surrogates",
        "an outcome, in bounded time",
        (
            "tests/scorers/test_scoring.py::test_hostile_text_gets_an_outcome_in_bounded_time_and_a_small_sample",
            f"{_PUBLISHER}::test_table_with_undecodable_text_and_mixed_cells_is_published",
        ),
    ),
    Fault(
        21,
        "W&B down, slow, refusing, hanging",
        "a server that commits faults",
        "rows wait; evaluation goes on",
        (
            f"{_WANDB}::test_a_stream_that_is_refused_delivers_nothing_and_is_sent_once_afterwards",
            f"{_PUBLISHER}::test_server_that_is_down_is_unreachable_until_it_is_back",
            f"{_PUBLISHER}::test_session_that_hangs_is_stopped_and_leaves_nothing",
            f"{_SERVICE}::test_an_outage_does_not_hold_up_evaluation_and_rows_arrive_after_it",
        ),
    ),
    Fault(
        22,
        "W&B has it, the ledger does not know",
        "killed between log and commit",
        "found by its uid, not sent again",
        (
            f"{_PUBLISHER}::test_session_killed_around_logging_leaves_the_row_once",
            f"{_WANDB}::test_a_watcher_that_lost_its_ledger_doubles_nothing",
        ),
    ),
    Fault(
        23,
        "the run missing, deleted, ended",
        "a server without it",
        "rows wait; an ended run is ended again",
        (
            f"{_WANDB}::test_a_run_that_was_deleted_is_said_to_be_missing_and_not_made_again",
            f"{_PUBLISHER}::test_run_that_had_ended_is_not_left_running",
        ),
    ),
    Fault(
        24,
        "a full disk",
        "a small file system",
        "said; nothing committed is lost",
        (
            f"{_STAGING}::test_a_full_disk_is_one_sentence",
            f"{_LEDGER}::test_a_full_disk_is_named_and_nothing_committed_is_lost",
            f"{_STAGE}::test_latest_gives_up_the_oldest_that_waits_for_a_newer_one",
            f"{_STAGE}::test_what_waits_is_given_up_oldest_first_when_others_fill_the_disk",
        ),
    ),
    Fault(
        25,
        "checkpoints mounted read-only, or unreadable",
        "a bind mount; closed files",
        "read as usual; failed(unreadable)",
        (
            f"{_HERE}::test_a_read_only_mount_is_as_good_as_any",
            f"{_INSPECTION}::test_what_may_not_be_read_is_said_not_raised",
        ),
    ),
    Fault(
        26,
        "the clock jumps",
        "a day forth and back",
        "no pause and no order changes",
        (f"{_HERE}::test_a_clock_that_jumps_changes_no_pause_and_no_order",),
    ),
    Fault(
        27,
        "evaluation slower than training",
        "an engine that is held",
        "as the policy says, on record",
        (
            f"{_SERVICE}::test_latest_evaluates_the_newest_first_and_the_others_when_nothing_newer_waits",
            f"{_SERVICE}::test_one_in_so_many_steps_is_evaluated_and_the_others_say_why_not",
        ),
    ),
    Fault(
        28,
        "SIGTERM",
        "sent while it generates",
        "handed back within ten seconds",
        (
            "tests/e2e/test_interrupt.py::test_an_interrupted_checkpoint_is_handed_back",
            f"{_SERVICE}::test_a_stop_that_was_asked_for_does_not_wait_for_a_tracker_that_is_away",
        ),
    ),
    Fault(
        29,
        "the ledger damaged",
        "pages overwritten",
        "set aside; made anew from the JSON lines",
        (f"{_REBUILD}::test_a_damaged_ledger_is_set_aside_and_made_anew_from_the_json_lines",),
    ),
    Fault(
        30,
        "anything dies at any time",
        "60 kills, 3 outages at random",
        "30 of 30 evaluations once, no trainer row lost",
        ("tests/publish/test_chaos.py::test_nothing_is_lost_or_doubled_whatever_dies",),
    ),
    Fault(
        31,
        "`uimon rescore` killed, or its session with W&B",
        "SIGKILL at each of its points",
        "what was committed stays; the next one does the rest, each row once in the run",
        ("tests/test_rescore_command.py::test_wherever_it_is_killed_the_next_one_leaves_every_row_in_the_run_once",),
    ),
    Fault(
        32,
        "stored samples missing or torn",
        "deleted, or without a field",
        "that evaluation is named (samples_missing) and keeps its figures; the others are scored anew",
        ("tests/service/test_rescoring.py::test_an_evaluation_that_lacks_something_is_named_and_the_others_go_on",),
    ),
    Fault(
        33,
        "a configuration that names other weights or code",
        "each key by which vLLM or transformers would load them, in a checkpoint and in a base",
        "refused by the key (other_weights)",
        (f"{_POINTERS}::test_what_names_other_weights_is_refused_by_its_key",),
    ),
    Fault(
        34,
        "names and files that decide nothing",
        "another model's path, code and settings in the configuration and beside it",
        "accepted; not a bit of the answers changes",
        (
            f"{_POINTERS}::test_what_decides_nothing_is_accepted_and_kept_from_the_engine",
            f"{_BYTES}::test_names_that_decide_nothing_change_no_bit",
            f"{_BYTES}::test_a_base_that_names_others_is_merged_as_it_is",
        ),
    ),
    Fault(
        35,
        "the engine serves other weights than the files'",
        "another model's directory put in place of the view; a flipped bit; a head that a reload passes over",
        "found by comparing rows; nothing is published",
        (
            f"{_BYTES}::test_an_engine_that_loads_another_model_is_found_out",
            f"{_BYTES}::test_rows_are_found_however_they_are_put_together_and_what_is_not_the_files_is_named",
            "tests/engine/test_swap.py::test_a_reload_that_goes_wrong_in_silence_is_found_and_not_used_again",
        ),
    ),
)
