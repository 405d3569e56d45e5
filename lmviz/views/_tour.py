"""The tour of the whole way: what each step shows, sets and says.

A step names a part of the page and a place of the story, counted from its end. It may
name another story than the first, and a way to choose a head: the one that is
``"sharp"``, that looks at the ``"answer"``, or that is most ``"needed"``.
"""

# What a text says in braces is measured in the page: these hold for any weights.
TOUR = [
    {
        "part": "story",
        "at": -1,
        "text": "A story is cut into tokens. In this language a token is a word, and "
        "<story> stands in front of all. We look at the last place, {word}: what comes "
        "next is decided there.",
    },
    {
        "part": "vectors",
        "at": -16,
        "text": "Every word has a vector, and every place has one. Here is {word}. Go "
        "on with › to the other {word}: the first strip is the same again, the second "
        "is not. So the sum tells the model which word it is, and where.",
    },
    {
        "part": "attention",
        "at": -1,
        "text": "Now the words exchange what they know. Each small square is a head. "
        "Nothing stands right of the diagonal: no word can look at what comes later.",
    },
    {
        "part": "attention",
        "at": -1,
        "head": "sharp",
        "text": "Of all heads, {head} has the sharpest eye: on average, {share} of a "
        "row stands in one cell. Which words does it pick? Compare one that spreads "
        "its weight.",
    },
    {
        "part": "attention",
        "at": -1,
        "head": "answer",
        "text": "The next word was told in the beginning. Of all heads, {head} looks "
        "most at {told} from here: with {share} of its weight. Compare the others.",
    },
    {
        "part": "stream",
        "at": -1,
        "text": "Each layer adds what it has found. The vector begins with length "
        "{first} and leaves the last layer with {last}. Where does the strip change "
        "most?",
    },
    {
        "part": "lens",
        "at": -1,
        "text": "Look at the last column. What would be said, had the model stopped "
        "there? It ends with {top}, and stays with it from here on: {since}.",
    },
    {
        "part": "next",
        "at": -1,
        "text": "The model says {top} with probability {model}. The truth stands "
        "beside it: the grammar knows it exactly. The divergence sums up by how much "
        "they differ.",
    },
    {
        "part": "attention",
        "at": -1,
        "head": "needed",
        "off": True,
        "text": "Without which head would {top} be least likely? Each was tried: it is "
        "{head}, and it is off now. The probability goes from {model} to {share}. "
        "Switch it on again, and others off.",
    },
    {
        "part": "story",
        "at": -1,
        "story": "A song",
        "text": "Another story, another question: here the notes come again, and the "
        "model expects {top}. Which head is needed now? Try it. Then press words "
        "below to go on, or write a story of your own.",
    },
]
