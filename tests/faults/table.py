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
_LEDGER = "tests/ledger/test_ledger.py"
_REBUILD = "tests/ledger/test_rebuild.py"
_HOME = "tests/ledger/test_state_home.py"
_STATE_DIR = "tests/ledger/test_state_dir.py"
_SERVICE = "tests/service/test_service.py"
_STAGE = "tests/service/test_stage.py"
_EARLY = "tests/service/test_early.py"
_OUTBOX = "tests/trackers/wandb/test_outbox.py"
_PUBLISHER = "tests/trackers/wandb/test_publisher.py"
_WANDB = "tests/trackers/wandb/test_faults.py"
_TRUST = "tests/engine/test_trust.py"
_CLAIM = "tests/trackers/wandb/test_claim.py"
_TWO = "tests/trackers/wandb/test_two_uimons.py"
_CLOSING = "tests/trackers/wandb/test_closing.py"
_SOAK = "tests/trackers/wandb/test_soak.py"
_HERE = "tests/faults/test_table.py"
_BYTES = "tests/engine/test_bytes.py"
_POINTERS = "tests/checkpoints/test_pointers.py"
_LAG = "tests/trackers/wandb/test_lag.py"
_PROOF = "tests/trackers/wandb/test_proof.py"
_TRANSMISSION = "tests/trackers/wandb/test_transmission.py"
_PUBLISHING = "tests/service/test_publishing.py"
_LEDGER_OUTBOX = "tests/ledger/test_outbox.py"
_RESTART = "tests/service/test_restart.py"
_CHANNELS = "tests/service/test_channels.py"
_FOLLOWUPS = "tests/service/test_followups.py"

FAULTS = (
    Fault(
        1,
        "weights half written",
        "a writer that is slow, or killed",
        "partial; complete with the last byte",
        (
            f"{_INSPECTION}::test_in_the_order_of_writing_only_the_last_byte_completes_it",
            f"{_STAGING}::test_a_writer_racing_with_the_copy_changes_nothing_in_it",
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
            "tests/checkpoints/layouts/test_trainer_state.py::test_every_beginning_of_a_state_is_refused",
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
        "the clock jumps, or the trainer's is another",
        "a day forth and back",
        "no pause and no order changes; no half checkpoint is taken for whole",
        (
            f"{_HERE}::test_a_clock_that_jumps_changes_no_pause_and_no_order",
            f"{_PROOF}::test_a_clock_that_is_set_between_two_starts_shortens_no_pause",
            "tests/checkpoints/test_sources.py::test_a_trainers_clock_decides_nothing",
        ),
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
        ("tests/trackers/wandb/test_chaos.py::test_nothing_is_lost_or_doubled_whatever_dies",),
    ),
    Fault(
        31,
        "`uimon rescore` killed, or its session with W&B",
        "SIGKILL at each of its points",
        "what was committed stays; the next one does the rest, each row once in the run",
        ("tests/cli/test_rescore.py::test_wherever_it_is_killed_the_next_one_leaves_every_row_in_the_run_once",),
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
        "W&B shows rows late, and out of order, and loses answers, answers late or twice",
        "the stand-in, 0 to 90 s, 5 % lost, with 100 kills, in three modes",
        "every row once, the trainer's all there",
        (
            f"{_SOAK}::test_every_row_comes_once",
            "tests/standin/test_store.py::test_random_lag_shows_lines_out_of_order_and_counts_what_is_shown",
        ),
    ),
    Fault(
        34,
        "two uimons on one run",
        "another state directory, at the same moment; one dies, one ends",
        "one publishes, the other one names it and takes its rows for delivered",
        (
            f"{_CLAIM}::test_no_two_uimons_publish_at_once_and_none_before_the_others_rows_are_shown",
            f"{_CLAIM}::test_rows_of_another_uimon_count_as_delivered_and_it_is_named",
            f"{_TWO}::test_two_that_begin_at_once_bring_each_row_once_and_both_know_it",
        ),
    ),
    Fault(
        35,
        "a copied state directory",
        "copied with its ledger",
        "another uimon",
        (f"{_CLAIM}::test_id_outlives_the_ledger_and_another_mode_and_not_a_copy_of_the_directory",),
    ),
    Fault(
        36,
        "the companion's id is somebody else's run",
        "a living run of that id, with and without a mark",
        "left alone; the next id is taken",
        (f"{_TWO}::test_a_run_of_somebody_else_with_the_companions_id_is_left_alone",),
    ),
    Fault(
        37,
        "the companion's id is not given out",
        "W&B refuses to make the run",
        "the next id is taken",
        (f"{_TWO}::test_an_id_that_wandb_does_not_give_out_is_passed_over",),
    ),
    Fault(
        38,
        "the trainer ends within a session",
        "finished, failed, killed or resumed at each step, the session killed at each; its end lost, its posts late",
        "the run is left as the trainer left it",
        (
            "tests/trackers/wandb/test_run_end.py::test_run_is_left_as_its_trainer_left_it",
            f"{_CLOSING}::test_end_that_a_session_sees_is_made_again_at_once",
            f"{_CLOSING}::test_end_that_falls_between_a_look_and_a_post_is_made_up_for",
            f"{_CLOSING}::test_how_a_run_had_ended_is_told_before_a_session_opens_it",
            f"{_CLOSING}::test_run_of_a_trainer_that_was_killed_is_not_called_finished",
            "tests/trackers/wandb/test_run_end.py::test_an_end_that_was_lost_on_its_way_is_told_again",
            "tests/trackers/wandb/test_run_end.py::test_late_posts_of_a_killed_session_are_no_sign_of_the_trainers_life",
        ),
    ),
    Fault(
        39,
        "the ledger empty, missing, or another program's file",
        "deleted, emptied, replaced beside whole JSON lines",
        "made anew from them; its rows are due again, and looked for before they are sent",
        (f"{_REBUILD}::test_a_lost_ledger_is_made_anew_from_the_json_lines",),
    ),
    Fault(
        40,
        "a byte of the ledger or of its JSON lines changes",
        "200 places at random, each bit",
        "the same results, or the damage is named and mended",
        (f"{_REBUILD}::test_a_byte_that_changes_anywhere_costs_nothing",),
    ),
    Fault(
        41,
        "the ledger's journal damaged or gone",
        "bytes changed in each part of it; deleted",
        "noticed; what the JSON lines have is taken from them, and W&B is asked before anything is sent",
        (
            f"{_REBUILD}::test_changes_that_are_lost_with_the_journal_are_noticed",
            f"{_REBUILD}::test_a_crash_is_no_damage",
            f"{_REBUILD}::test_a_byte_that_changes_in_the_journal_of_a_crash_costs_nothing",
        ),
    ),
    Fault(
        42,
        "an older ledger put back",
        "a copy from before the last evaluation",
        "takes what it lacks from the JSON lines; W&B is asked before anything is sent",
        (f"{_REBUILD}::test_an_older_ledger_put_back_takes_what_it_lacks_and_asks_before_it_sends",),
    ),
    Fault(
        43,
        "JSON lines damaged, cut, doubled or gone",
        "a changed byte, a torn end, lines twice, no file",
        "set aside and written anew from the ledger; with both damaged, what is lost is said",
        (
            f"{_REBUILD}::test_json_lines_that_are_not_what_the_ledger_has_are_written_anew",
            f"{_REBUILD}::test_a_line_without_a_sum_that_no_ledger_can_hold_is_damage",
            f"{_REBUILD}::test_samples_that_are_gone_are_written_anew",
            f"{_REBUILD}::test_where_both_are_damaged_what_is_lost_is_said",
        ),
    ),
    Fault(
        44,
        "two trainings under one name",
        "`--wandb off` with two ./ckpts; one run id in two projects; JSON lines of another run",
        "a state directory each; another run's is refused",
        (
            f"{_HOME}::test_two_trainings_that_are_not_logged_never_meet",
            f"{_HOME}::test_one_run_id_in_two_places_is_two_runs",
            f"{_HOME}::test_a_state_directory_of_another_run_is_refused_with_the_next_step",
            f"{_REBUILD}::test_json_lines_of_another_run_are_never_taken_for_this_ones",
        ),
    ),
    Fault(
        45,
        "the state directory on another machine's disk",
        "NFS, Lustre, FUSE and others in the table of mounts",
        "refused, with a local directory to name",
        (f"{_STATE_DIR}::test_a_state_directory_on_other_machines_disks_is_refused_with_a_local_one",),
    ),
    Fault(
        46,
        "other users of the machine",
        "umask 0, files that an earlier version left open",
        "nobody else may read what is stored",
        (
            f"{_STATE_DIR}::test_nobody_else_may_read_what_is_stored",
            f"{_STATE_DIR}::test_what_was_left_open_is_closed",
        ),
    ),
    Fault(
        47,
        "inode numbers change",
        "every file replaced by a copy with its times",
        "nothing is read again",
        ("tests/service/test_stamps.py::test_evaluated_checkpoints_with_other_inodes_are_not_read_again",),
    ),
    Fault(
        48,
        "answers dropped by `--keep-samples`",
        "five checkpoints, two kept",
        "every figure and row stays; `uimon rescore` names the others",
        (
            "tests/ledger/test_export.py::test_the_newest_samples_are_kept_and_every_figure_and_row",
            "tests/ledger/test_export.py::test_what_was_not_kept_cannot_be_scored_anew_and_that_is_said",
        ),
    ),
    Fault(
        49,
        "a configuration that names other weights or code",
        "each key by which vLLM or transformers would load them, in a checkpoint and in a base",
        "refused by the key (other_weights)",
        (
            f"{_POINTERS}::test_what_names_other_weights_is_refused_by_its_key",
            f"{_BYTES}::test_what_names_another_model_starts_no_engine",
            f"{_BYTES}::test_a_class_of_another_model_is_refused",
        ),
    ),
    Fault(
        50,
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
        51,
        "the engine serves other weights than the files'",
        "another model's directory put in place of the view; a flipped bit; a head that a reload passes over",
        "found by comparing rows; nothing is published",
        (
            f"{_BYTES}::test_an_engine_that_loads_another_model_is_found_out",
            "tests/engine/test_forms.py::test_what_is_kept_in_another_form_is_named_and_nothing_else_is_let_through",
            f"{_BYTES}::test_rows_are_found_however_they_are_put_together_and_what_is_not_the_files_is_named",
            "tests/engine/test_swap.py::test_a_reload_that_goes_wrong_in_silence_is_found_and_not_used_again",
            "tests/engine/test_loading.py::test_a_tensor_that_a_swap_passed_over_gets_a_fresh_engine",
        ),
    ),
    Fault(
        52,
        "a FIFO, socket, device or endless file in a base, adapter, checkpoint or as the validation file",
        "mkfifo, a link to /dev/zero, a bound socket",
        "named (unreadable, weights_refused, config_missing, val_missing); nothing waits",
        (
            "tests/system/test_files.py::test_what_is_no_regular_file_is_refused_at_once",
            "tests/system/test_files.py::test_a_directory_with_a_special_file_is_refused_by_its_name",
            "tests/system/test_files.py::test_a_validation_file_that_is_none_is_named",
            "tests/engine/test_hostile_directories.py::test_a_special_file_in_a_base_is_named_and_never_waited_for",
            "tests/engine/test_hostile_directories.py::test_a_special_file_in_an_adapter_is_named",
        ),
    ),
    Fault(
        53,
        "sizes and numbers from files without bounds",
        "a million layers, 2^63, 1e400, deep nesting, vocabularies and headers of many MB, packed gigabytes",
        "named; the watcher stays small; other rows and checkpoints go on",
        (
            "tests/engine/test_hostile_directories.py::test_a_configuration_that_states_what_is_not_there_is_refused",
            "tests/engine/test_hostile_directories.py::test_a_file_that_would_be_gigabytes_of_objects_costs_the_watcher_little",
            "tests/engine/test_hostile_directories.py::test_no_json_file_of_a_checkpoint_raises_anything_but_a_named_refusal",
            "tests/engine/test_adapters.py::test_a_value_that_peft_would_not_read_is_refused_by_its_key",
            "tests/checkpoints/layouts/test_trainer_state.py::test_a_row_whose_step_can_be_none_is_left_out_and_counted",
            "tests/system/test_files.py::test_json_that_costs_too_much_or_is_none_is_a_value_error",
            "tests/system/test_files.py::test_a_packed_file_of_gigabytes_is_refused",
        ),
    ),
    Fault(
        54,
        "secrets in the environment",
        "keys of W&B, clouds, webhooks, and names that nobody knows",
        "the engine's processes get none",
        ("tests/engine/test_host_process.py::test_the_host_gets_no_secrets",),
    ),
    Fault(
        55,
        "the engine away for a while",
        "every load fails for a time, with each reason",
        "paused; copies kept; no checkpoint charged; said once",
        (
            "tests/service/test_outage.py::test_an_engine_that_is_away_costs_nothing",
            "tests/service/test_outage.py::test_a_lone_checkpoint_waits_for_an_engine_that_was_well",
        ),
    ),
    Fault(
        56,
        "a checkpoint that kills every engine",
        "loads of it alone fail",
        "failed after its attempts; holds up no other; every channel hears of it once",
        (
            "tests/service/test_failures.py::test_it_reaches_log_display_wandb_webhook_and_command",
            "tests/service/test_outage.py::test_a_bad_checkpoint_ends_after_its_attempts_and_holds_up_nothing",
            "tests/service/test_outage.py::test_two_bad_ones_are_told_from_an_outage_by_what_comes_later",
        ),
    ),
    Fault(
        57,
        "watcher and the engine's guardian killed together",
        "SIGKILL of each and both, within a step that lets nothing else run",
        "the engine's group is gone within seconds",
        (
            "tests/engine/test_host_process.py::test_the_host_dies_with_its_killed_parent",
            "tests/engine/test_host_process.py::test_a_group_ends_with_its_lifeline_in_the_middle_of_a_step",
        ),
    ),
    Fault(
        58,
        "a scorer of the user's hangs or dies",
        "a regular expression without end, os._exit",
        "that sample's figure fails and is named; the others stay",
        (
            "tests/evaluation/test_plugins.py::test_one_that_hangs_or_dies_fails_for_that_sample_alone",
            "tests/evaluation/test_plugins.py::test_one_that_hangs_always_is_not_waited_for_again_and_again",
            "tests/evaluation/test_plugins.py::test_forks_of_this_process_ask_processes_of_their_own",
        ),
    ),
    Fault(
        59,
        "the evaluation hangs",
        "a phase without progress",
        "/healthz 503; the service ends with evaluation_hung",
        (
            "tests/service/test_outage.py::test_an_evaluation_that_hangs_ends_the_service_and_says_where",
            "tests/service/test_outage.py::test_the_health_says_what_hangs_and_that_the_engine_is_away",
        ),
    ),
    Fault(
        60,
        "W&B shows rows late, each at its own time",
        "a reader that lags by 20 to 60 s; in a model by up to 12 min",
        "unconfirmed, looked for, sent once; other rows go on",
        (
            f"{_LAG}::test_rows_that_show_late_are_sent_once_and_delivered_when_they_show",
            f"{_PUBLISHER}::test_row_that_shows_late_is_found_and_not_sent_again",
            f"{_PROOF}::test_other_rows_go_on_while_one_is_unconfirmed",
            f"{_PROOF}::test_what_a_look_makes_of_a_row",
        ),
    ),
    Fault(
        61,
        "the same, and killed right after the rows arrived, or before",
        "every order of lags, losses, refusals and kills (hypothesis)",
        "each row in the run once; the next start looks first",
        (
            f"{_PROOF}::test_whatever_happens_each_row_is_in_the_run_once",
            f"{_PROOF}::test_a_start_looks_for_what_may_have_been_sent_before_it_sends_any_of_it",
            f"{_LEDGER_OUTBOX}::test_a_row_that_was_sent_is_unconfirmed_until_it_is_seen_or_known_not_to_be_sent",
        ),
    ),
    Fault(
        62,
        "a row that W&B has lost",
        "killed between mark and log",
        "sent again after all the pauses, 12 min 45 s, and once",
        (
            f"{_PROOF}::test_an_honest_loss_is_sent_again_within_a_quarter_of_an_hour",
            f"{_LAG}::test_an_honest_loss_is_sent_again_after_the_pauses_and_not_before",
        ),
    ),
    Fault(
        63,
        "an answer lost, a request refused",
        "dropped after it was applied; 403, 503, nobody there",
        "not repeated by the SDK; what was surely not taken is sent at once",
        (
            f"{_PUBLISHER}::test_a_lost_response_makes_nobody_send_the_rows_again",
            f"{_TRANSMISSION}::test_only_what_the_log_says_plainly_is_proven",
            f"{_WANDB}::test_a_stream_that_is_refused_delivers_nothing_and_is_sent_once_afterwards",
        ),
    ),
    Fault(
        64,
        "the ledger lost while rows are on their way",
        "a new ledger on the run, rows that show 50 s late",
        "held until they must have shown; sent once",
        (
            f"{_LAG}::test_a_lost_ledger_doubles_nothing_that_shows_late",
            f"{_PROOF}::test_after_a_lost_ledger_rows_wait_until_what_was_sent_before_it_has_shown",
        ),
    ),
    Fault(
        65,
        "joining costs the trainer its first rows",
        "one of them overwritten while uimon joins",
        "said; not joined again while it lives; companion",
        (
            f"{_LAG}::test_a_trainer_that_loses_its_first_rows_when_it_is_joined_is_noticed_in_the_same_session",
            f"{_PUBLISHING}::test_a_run_whose_trainer_has_lost_its_first_rows_is_not_joined_again",
        ),
    ),
    Fault(
        66,
        "much to deliver at the exit",
        "1,000 rows, 40 s a batch, a limit of 60 s",
        "all delivered; the limit counts time without progress",
        (
            f"{_PUBLISHING}::test_the_drains_limit_counts_time_without_progress_and_progress_is_said",
            f"{_PUBLISHING}::test_rows_that_do_not_show_end_the_drain_and_are_named",
            f"{_PUBLISHING}::test_rows_that_are_refused_again_and_again_end_the_drain",
            f"{_PUBLISHING}::test_a_row_that_is_lost_again_and_again_ends_the_drain",
            f"{_PUBLISHING}::test_a_session_with_rows_on_their_way_is_not_cut_off_unless_in_haste",
            "tests/cli/test_status.py::test_unconfirmed_rows_are_counted_with_their_age",
        ),
    ),
    Fault(
        67,
        "a restart over thousands of evaluated checkpoints",
        "a ledger, and directories with the log of all steps",
        "no stored sample is read, and of each training one log; what was written over is evaluated",
        (
            f"{_RESTART}::test_a_start_reads_no_stored_sample_and_the_longest_log_alone",
            f"{_RESTART}::test_what_was_written_over_while_nobody_watched_is_evaluated",
            f"{_RESTART}::test_where_the_longest_log_is_no_whole_one_the_others_are_read",
            f"{_RESTART}::test_another_training_is_told_by_logs_that_were_not_read_again",
            "tests/service/test_long_run.py::test_three_starts_over_three_thousand_checkpoints_are_light",
        ),
    ),
    Fault(
        68,
        "what the warnings keep of an evaluation is missing, damaged or of other definitions",
        "deleted, a bit flipped, another version; SIGTERM while samples are read once more",
        "made anew from the samples, once; a stop does not wait for it",
        (
            f"{_RESTART}::test_what_is_stored_is_what_the_samples_say",
            f"{_RESTART}::test_a_stored_entry_is_read_back_as_it_was_and_a_damaged_one_is_not_read",
            f"{_RESTART}::test_whoever_stops_the_service_does_not_wait_for_samples_to_be_read_once_more",
        ),
    ),
    Fault(
        69,
        "thousands of looks of the warnings",
        "histories that go on, go back, and are evaluated late or twice",
        "running sums give what is found from scratch",
        ("tests/alerts/test_replay.py::test_what_grew_is_what_is_found_from_scratch",),
    ),
    Fault(
        70,
        "the live display with thousands of checkpoints",
        "nothing changes",
        "nothing is read, nothing is drawn",
        ("tests/report/test_live.py::test_what_has_not_changed_is_neither_read_nor_drawn_again",),
    ),
    Fault(
        71,
        "webhook that stalls",
        "accepts and hangs, drips, resets, never ends, its name server hangs",
        "refused at one deadline for the whole request; tried again; nobody else waits",
        (
            f"{_CHANNELS}::test_a_receiver_that_stalls_costs_one_deadline",
            f"{_CHANNELS}::test_an_answer_that_never_ends_is_an_answer",
            f"{_CHANNELS}::test_a_name_server_that_hangs_ends_with_the_process_that_asks_it",
        ),
    ),
    Fault(
        72,
        "a channel that stalls: W&B, webhook, command",
        "each in turn, and all at once",
        "the others are told, looks go on, the end says what is left",
        (
            f"{_CHANNELS}::test_a_channel_that_stalls_holds_up_no_other_and_not_the_end",
            f"{_CHANNELS}::test_a_look_goes_on_while_every_channel_stalls",
        ),
    ),
    Fault(
        73,
        "a command that cannot be stopped",
        "ignores signals, forks, prints without end",
        "killed with all that it started; the end of its output is quoted",
        (f"{_CHANNELS}::test_a_command_that_ignores_signals_and_forks_and_prints_without_end_is_killed",),
    ),
    Fault(
        74,
        "standard error that nobody reads",
        "full pipe, stopped terminal, reader gone, full disk",
        "whoever logs goes on; what is left out is counted; the process ends",
        (
            "tests/output/test_outlet.py::test_a_full_pipe_holds_up_nobody_and_what_is_left_out_is_counted",
            "tests/output/test_outlet.py::test_a_reader_that_is_gone_and_a_full_disk_hold_up_nobody",
            "tests/output/test_outlet.py::test_what_is_logged_while_nobody_reads_costs_its_thread_nothing",
            "tests/output/test_outlet.py::test_a_live_display_waits_for_no_terminal",
            "tests/output/test_outlet.py::test_a_process_ends_although_nobody_reads_what_it_says",
        ),
    ),
    Fault(
        75,
        "names, completions, exceptions that steer or forge",
        "escape sequences, line ends, bidi and zero-width marks, surrogates",
        "visible escapes at each edge; code in W&B's table stays code",
        (
            "tests/output/test_printable.py::test_each_known_attack_is_stopped_at_each_edge",
            "tests/output/test_printable.py::test_nothing_hostile_passes_any_edge",
            "tests/ledger/test_jsonl.py::test_a_line_steers_no_terminal_and_is_read_back_exactly",
            "tests/service/test_hostile_checkpoints.py::"
            "test_hostile_checkpoints_are_named_and_nothing_of_them_leaves_raw",
        ),
    ),
    Fault(
        76,
        "a plug-in that prints",
        "print, descriptor, another program, at its import and the end",
        "standard output holds the answer alone; in a watch it is lines of the log",
        (
            "tests/output/test_sole_output.py::test_the_answer_is_alone_on_standard_output",
            "tests/service/test_plugins.py::test_what_a_plug_in_prints_is_a_line_of_the_log",
        ),
    ),
    Fault(
        77,
        "settings and arguments out of all bounds",
        "infinite, NaN, huge, negative, empty, overlong, not UTF-8, NUL",
        "one sentence that names it, exit code 2",
        (
            "tests/settings/test_bounds.py::test_no_value_of_a_setting_is_a_traceback",
            "tests/settings/test_bounds.py::test_no_argument_of_a_command_is_a_traceback",
            f"{_STAGING}::test_what_is_no_stage_directory_is_refused_in_a_sentence",
        ),
    ),
    Fault(
        78,
        "clients that hold on to /healthz",
        "eighty that say nothing or drip; some that are reset",
        "the next one is answered; sixteen threads at most; no traceback",
        (
            "tests/service/test_health.py::test_clients_that_say_nothing_are_bounded_and_hold_up_nobody",
            "tests/service/test_health.py::test_a_client_that_goes_away_leaves_no_traceback",
        ),
    ),
    Fault(
        79,
        "secrets in what is said",
        "keys, tokens, headers, addresses with passwords, in sentences and exceptions; very many beginnings of them",
        "***, at once; digests, uids and paths stay",
        (
            "tests/output/test_printable.py::test_a_secret_is_known_by_its_shape",
            "tests/output/test_printable.py::test_a_secret_is_known_by_what_stands_before_it",
            "tests/output/test_printable.py::test_the_value_of_a_variable_is_known_however_it_is_quoted",
            "tests/output/test_printable.py::test_what_is_no_secret_stays",
            "tests/output/test_printable.py::test_what_begins_like_many_secrets_takes_no_longer_than_other_text",
            "tests/trackers/wandb/test_environment.py::test_key_is_redacted",
        ),
    ),
    Fault(
        80,
        "readings of the run that differ, answers without content",
        "a scan by key that leaves rows out, another's values under uimon's keys, a run that may have been made",
        "found by the other reading; nothing is sent twice",
        (
            "tests/trackers/wandb/test_strange.py::"
            "test_a_lost_ledgers_rows_are_not_sent_again_where_the_scan_by_key_is_a_sample",
            "tests/trackers/wandb/test_strange.py::test_an_answer_that_does_not_say_whether_a_run_was_made_sends_nothing",
        ),
    ),
    Fault(
        81,
        "a session that sends at the end of a long life",
        "230 s from the mark to the request, then shown late; the watcher killed with it",
        "waited for from the session's end, sent once",
        (f"{_PROOF}::test_what_a_long_session_sends_at_its_end_is_waited_for_from_then_on",),
    ),
    Fault(
        82,
        "the trainer's first rows seem to be gone",
        "a reading that leaves one out, lines out of order, nested values that W&B completes",
        "read again; only rows that stay away are gone",
        (
            "tests/trackers/wandb/test_strange.py::"
            "test_a_trainers_first_rows_that_a_reading_leaves_out_or_shows_completed_are_not_gone",
        ),
    ),
    Fault(
        83,
        "a run that was deleted and made again under its id",
        "W&B tells another moment at which it was made",
        "named once, with how many rows it may lack; they are not mixed into what may be another training",
        (f"{_PUBLISHING}::test_a_run_that_was_made_anew_under_its_id_is_named_once",),
    ),
    Fault(
        84,
        "standard streams that are closed or full",
        "`>&-`, `2>&-`, /dev/full",
        "the same exit code, no file of ours in their place; a sentence and exit code 1 where the answer is lost",
        (
            "tests/output/test_sole_output.py::test_closed_streams_are_no_files_of_ours_and_change_no_exit_code",
            "tests/output/test_sole_output.py::test_an_answer_that_cannot_be_written_is_a_sentence",
        ),
    ),
    Fault(
        85,
        "a user without a home directory",
        "HOME unset and no entry for the user; ~ of a user who is not there",
        "a sentence that names what to give; W&B's key and a base model are looked for elsewhere",
        (f"{_HOME}::test_a_user_without_a_home_is_told_what_to_name",),
    ),
    Fault(
        86,
        "a configuration and files that disagree on whether the weights are quantized",
        "fp8, mxfp4, gptq or awq said of plain tensors; scales that nothing announces; a scale that is missing",
        "refused by name (weights_refused) before an engine hears of it",
        (
            "tests/engine/test_quantized.py::test_what_contradicts_is_refused_by_name",
            "tests/engine/test_quantized.py::test_what_agrees_is_accepted",
            "tests/engine/test_quantized.py::test_no_contradiction_comes_near_an_engine",
        ),
    ),
    Fault(
        87,
        "an upgrade while warnings are due",
        "a ledger of version 6 with events told, postponed and not told yet",
        "what is due is told in its own words, what was told is not told again",
        (
            "tests/ledger/test_version_6.py::test_what_is_due_at_wandb_is_due_in_its_own_words",
            "tests/ledger/test_version_6.py::test_what_is_due_at_the_webhook_is_due_with_its_attempts",
            "tests/ledger/test_version_6.py::test_the_first_look_tells_nobody_anything_anew",
        ),
    ),
    Fault(
        88,
        "work that follows an evaluation fails, hangs, or dies with uimon",
        "errors of every kind; work that waits for ever, and hears of no end; SIGKILL at each point",
        "nothing else waits; done once, or failed with its reason after five attempts, and never a number",
        (
            f"{_FOLLOWUPS}::test_neither_the_next_evaluation_nor_any_row_nor_a_warning_waits_for_it",
            f"{_FOLLOWUPS}::test_what_fails_for_good_is_named_and_no_number",
            f"{_FOLLOWUPS}::test_one_that_does_not_hear_is_handed_back_and_what_it_brings_late_counts_for_nothing",
            f"{_FOLLOWUPS}::test_a_killed_watcher_goes_on_where_it_was",
            "tests/ledger/test_followups.py::test_work_that_takes_the_process_with_it_comes_to_an_end",
        ),
    ),
)
