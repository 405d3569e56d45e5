"""The steps of the explorer's tour: what each one shows, changes and explains.

A step names a part of the page and a position in the story, counted from its end. It
may name a story other than the first, and say which head to choose: the most
concentrated one (``"sharp"``), the one that attends most to the ``"answer"``, or the
one whose ablation has the largest effect (``"needed"``).
"""

# Values in braces are measured in the page, so the texts hold for any weights.
TOUR = [
    {
        "part": "story",
        "at": -1,
        "text": "The story is split into tokens. In this language a token is a word, "
        "and <story> comes first. We follow the last position, {word}: the model "
        "predicts the next word there.",
    },
    {
        "part": "vectors",
        "at": -16,
        "text": "Every word has an embedding, and so does every position. This is "
        "{word}. Go to the other {word} with ›: the first strip is the same, the "
        "second differs. Their sum carries both the word and its position.",
    },
    {
        "part": "attention",
        "at": -1,
        "text": "Attention moves information between positions. Each small map is a "
        "head. It is empty to the right of the diagonal: no word attends to later "
        "ones.",
    },
    {
        "part": "attention",
        "at": -1,
        "head": "sharp",
        "text": "Of all heads, {head} is the most concentrated: on average, its "
        "largest weight in a row is {value}. Which words does it attend to? Compare "
        "it with a head that spreads its weight.",
    },
    {
        "part": "attention",
        "at": -1,
        "head": "answer",
        "text": "The next word was given at the beginning. Of all heads, {head} "
        "attends most to {answer} from here, with weight {value}. Compare the others.",
    },
    {
        "part": "stream",
        "at": -1,
        "text": "Each layer adds its output to the residual stream. The norm of "
        "the vector is {first} at first and {last} after the last layer. Where does "
        "it grow most?",
    },
    {
        "part": "lens",
        "at": -1,
        "text": "The last column is what the model would predict if each layer were "
        "the last. It ends with {top}, which is the prediction in every row starting "
        "at “{since}”.",
    },
    {
        "part": "next",
        "at": -1,
        "text": "The model predicts {top} with probability {model}. The true "
        "probability, which the grammar gives exactly, is listed with it. The "
        "divergence measures how far apart the two distributions are.",
    },
    {
        "part": "attention",
        "at": -1,
        "head": "needed",
        "off": True,
        "text": "Which head does {top} depend on most? Ablating one at a time shows "
        "that it is {head}. It is ablated now: the probability changes from {model} to "
        "{value}. Restore it, and ablate others.",
    },
    {
        "part": "story",
        "at": -1,
        "story": "A song",
        "text": "In this story the notes are repeated, and the model predicts {top}. "
        "Which head is needed now? Ablate one after another. Then append words, or "
        "write a story of your own.",
    },
]
