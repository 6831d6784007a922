"""What each early warning means and what helps: the words for somebody who has never seen this code.

Levels: `non_finite` is an error; so are `validity_dropped` where less than half of what parsed still does, and
`colors_collapsed`, `blue_purple_takeover`, `hues_gone`, `one_lightness` and `samples_alike` beyond their `…_collapse`
thresholds.
`progression_missed` and, in the milder band, `perplexity_high` are for information. Everything else is a warning. A
warning becomes an error while it lasts where what it tells of goes beyond the threshold of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from watcher.model import Reason
from watcher.settings.alerts import Rule


@dataclass(frozen=True, slots=True)
class Meaning:
    """A rule for people: its title, what usually causes the sign, and what to do."""

    title: str
    cause: str
    fix: str


_ALL = {
    Rule.VALIDITY_DROPPED: Meaning(
        "The model's code parses less often than before",
        "The model had learned the syntax and is losing it: the learning rate is too high, or it overfits.",
        "Lower the learning rate, add weight decay, or stop and go back to the best checkpoint. If many pages were cut "
        "by the token limit instead, see truncated_often.",
    ),
    Rule.VALIDITY_LOW: Meaning(
        "The model's code still does not parse reliably",
        "The model skips closing tags or other structure: training answers that are cut or broken themselves, a prompt "
        "template that differs from the one in training, or too little training.",
        "Look at the samples: `uimon status` shows some. Check that the training answers parse and are not cut at the "
        "maximum sequence length, and that the chat template is the one used in training.",
    ),
    Rule.COLORS_COLLAPSED: Meaning(
        "The pages have lost their variety of colors",
        "Mode collapse: the model falls back to a few safe colors whatever the prompt asks for. Training data with one "
        "color scheme, or loss that is also computed on the prompts, do this.",
        "Check the training data for variety of colors and the prompt masking (loss on the answers only); a slightly "
        "different learning rate may help. Keep the best checkpoint before the drop.",
    ),
    Rule.BLUE_PURPLE_TAKEOVER: Meaning(
        "Blue and purple take over the pages",
        "The model returns to the web's most common look (blue, indigo, violet, purple) instead of the data's colors.",
        "Check how many training answers are blue or purple themselves, and add others; check the prompt masking (loss "
        "on the answers only).",
    ),
    Rule.HUES_GONE: Meaning(
        "The pages have lost all colors but grays",
        "Mode collapse into the safest look: the model avoids colors whatever the prompt asks for. Training answers "
        "that are mostly gray, or that define their colors in files which the model does not see, do this.",
        "Check how many training answers have a hue, and whether prompts name colors; check the prompt masking (loss "
        "on the answers only). Keep the best checkpoint before the drop.",
    ),
    Rule.ONE_LIGHTNESS: Meaning(
        "The pages are all dark, or all light",
        "Mode collapse into one look: the model writes a dark page (or a light one) whatever the prompt asks for.",
        "Check how many training answers are dark and how many light, and whether prompts say which is wanted; check "
        "the prompt masking (loss on the answers only).",
    ),
    Rule.SAMPLES_ALIKE: Meaning(
        "The pages look the same for different prompts",
        "The model ignores its prompts and writes one average layout. Usually the prompts are masked wrongly, or most "
        "training answers come from few templates.",
        "Verify that the loss covers the answers only and that prompts reach the model whole; look for near copies "
        "among the training answers.",
    ),
    Rule.CLASSES_NARROW: Meaning(
        "The model uses few different Tailwind classes",
        "The data offer little variety of CSS, or training is stuck in a local optimum.",
        "Check the variety of the training answers and consider augmenting them; more steps alone will hardly help.",
    ),
    Rule.OVERFITTING: Meaning(
        "Held-out perplexity rises, training's does not",
        "Overfitting: the model memorizes its training answers.",
        "Stop, and use the checkpoint with the lowest held-out perplexity; or train fewer epochs, with more data, more "
        "weight decay or dropout.",
    ),
    Rule.DIVERGING: Meaning(
        "Held-out perplexity rises",
        "If training perplexity rises as well, training is unstable (the learning rate is too high, or the warm-up too "
        "short), or the training data have changed. If it is not known, this may also be overfitting.",
        "Keep the checkpoint with the lowest held-out perplexity. If the training loss has risen as well, lower the "
        "learning rate and clip gradients, or check what has changed in the training data. If it still falls, stop: "
        "the model overfits.",
    ),
    Rule.PERPLEXITY_HIGH: Meaning(
        "Held-out perplexity is still high",
        "The model has never come to expect code like the validation answers: a template that differs from training, "
        "too little training, or a learning rate with which it does not learn.",
        "Check that the validation file has the training data's format and the chat template is the one used in "
        "training; otherwise look at the training loss: if it still falls, train longer; if not, change the learning "
        "rate.",
    ),
    Rule.PROGRESSION_MISSED: Meaning(
        "Training is behind the expected progress",
        "Learning is slower than the table of expectations in the settings says.",
        "Compare the learning rate and the amount of data with the training for which the table was made; change the "
        "table if it does not apply.",
    ),
    Rule.TRUNCATED_OFTEN: Meaning(
        "Many pages are cut off by the token limit",
        "The limit is shorter than the pages that the model writes, or the model has not learned to stop: often "
        "because the end-of-turn token is masked out of the loss, or the training answers were cut.",
        "Raise --max-tokens if the pages are good up to the cut. Otherwise check that the training answers end with "
        "the end-of-turn token and that it counts in the loss.",
    ),
    Rule.EMPTY_OFTEN: Meaning(
        "Many answers hold no code",
        "The model ends at once, talks, or writes no language at all. If earlier checkpoints wrote code, it has "
        "collapsed, mostly by a learning rate that is too high. Otherwise the chat template differs from training, or "
        "training answers hold no code.",
        "Look at the samples: `uimon status` shows some. After a collapse go back to the best checkpoint and lower the "
        "learning rate; otherwise check the template and the training answers.",
    ),
    Rule.REPEATS_ITSELF: Meaning(
        "Many answers end in one text over and over",
        "The model is caught in loops: overfitting, a learning rate that is too high, or an end-of-turn token that it "
        "has not learned.",
        "Check that the end-of-turn token counts in the loss and that the training answers hold no long repetitions; "
        "lower the learning rate, or go back to an earlier checkpoint.",
    ),
    Rule.NON_FINITE: Meaning(
        "Training has produced NaN or infinity",
        "The weights, the gradients or the loss have left the range of numbers: a learning rate that is too high, fp16 "
        "without loss scaling, or broken data.",
        "If the next checkpoints are finite, look for a broken batch at this step. If not, stop: weights with NaN do "
        "not recover. Go back to the last finite checkpoint, lower the learning rate, clip gradients, and prefer bf16 "
        "to fp16.",
    ),
    Rule.NOT_LEARNING: Meaning(
        "The trainer's log shows no learning",
        "A learning rate of 0 (the schedule ends early, or the setting is wrong), labels that are all masked so that "
        "no token counts in the loss, no weights that are trained, or a NaN that the trainer logs as 0.",
        "Print the labels of one batch and the trainable parameters; check the learning rate, its schedule and "
        "max_steps; set logging_nan_inf_filter=False so that the trainer logs a NaN as NaN.",
    ),
    Rule.FALLING_BEHIND: Meaning(
        "Evaluation cannot keep up with training",
        "Checkpoints come faster than they can be evaluated, so warnings come later and later.",
        "Use --policy latest or --policy every:K, fewer --samples, a smaller --max-tokens, or a faster GPU.",
    ),
    Rule.TRAINER_SILENT: Meaning(
        "No new checkpoint for unusually long",
        "The trainer has stopped, hangs, or its disk is full or not mounted here.",
        "Look at the trainer's log and at the disk with the checkpoints.",
    ),
    Rule.CHECKPOINT_FAILED: Meaning(
        "A checkpoint could not be evaluated",
        "The checkpoint lacks something that an evaluation needs, or the engine cannot run it.",
        "Follow the sentence above, then run `uimon retry` to evaluate the checkpoint.",
    ),
}

MEANINGS: Mapping[Rule, Meaning] = MappingProxyType(_ALL)

_UNFINISHED = (
    "The trainer stopped, or its disk was full, while it saved the checkpoint; or the checkpoint was copied here only "
    "in part.",
    "Look at the trainer's log and its disk. uimon evaluates the checkpoint once its files are complete.",
)
_SHARDED = (
    "The trainer saves the weights in the format of its own sharding, which inference engines do not load.",
    "Have the trainer save whole safetensors, or convert the checkpoint with the command named above; uimon then "
    "evaluates it.",
)
_FILES = (
    "A file of the checkpoint is damaged, or was copied only in part; or it belongs to another model.",
    "Compare the checkpoint with its source and copy it again; uimon evaluates it once it has changed.",
)
_LACKING = (
    "The trainer saved the weights without what is needed to prompt the model.",
    "Save the tokenizer with the model, or name one with --tokenizer; then run `uimon retry`.",
)
_ENGINE = (
    "The engine cannot run this model with these settings, or its GPU or its driver fails.",
    "Run `uimon doctor` with the same options, look at the engine's log in the state directory, and run `uimon retry`.",
)
_MEMORY = (
    "The model and its cache do not fit into the memory that the engine may use, or the trainer uses more by now.",
    "Use a smaller --max-model-len or --gpu-memory-utilization, or another GPU; then run `uimon retry`.",
)
_FAILURES: Mapping[Reason, tuple[str, str]] = {
    **dict.fromkeys(
        (
            Reason.WEIGHTS_MISSING,
            Reason.WEIGHTS_INCOMPLETE,
            Reason.CONFIG_MISSING,
            Reason.TRAINER_STATE_MISSING,
            Reason.TRAINER_STATE_MISMATCH,
        ),
        _UNFINISHED,
    ),
    **dict.fromkeys((Reason.DEEPSPEED_ZERO, Reason.FSDP_SHARDED, Reason.TORCH_DCP, Reason.PICKLE_WEIGHTS), _SHARDED),
    **dict.fromkeys((Reason.UNREADABLE, Reason.OTHER_WEIGHTS, Reason.WEIGHTS_REFUSED), _FILES),
    **dict.fromkeys((Reason.TOKENIZER_MISSING, Reason.CHAT_TEMPLATE_MISSING), _LACKING),
    **dict.fromkeys(
        (Reason.ENGINE_START, Reason.ENGINE_DIED, Reason.ENGINE_TIMEOUT, Reason.ENGINE_ERROR, Reason.STALE_WEIGHTS),
        _ENGINE,
    ),
    Reason.OUT_OF_MEMORY: _MEMORY,
}


def failure_meaning(name: str, reason: Reason) -> Meaning:
    """What it means that the checkpoint called `name` was given up for this reason; the title names both.

    >>> failure_meaning("checkpoint-50", Reason.PICKLE_WEIGHTS).title
    'Not evaluated (pickle_weights): checkpoint-50'
    """
    usual = MEANINGS[Rule.CHECKPOINT_FAILED]
    return Meaning(f"Not evaluated ({reason}): {name}", *_FAILURES.get(reason, (usual.cause, usual.fix)))
