"""The steps of the tour of `model`: what each one shows, sets and explains.

A step names parts of the page. It may choose a head, a mode of the drawing of the whole
model, or an ablation; `load` says that the model itself must run. Values in braces are
measured in the page.
"""

TOUR = [
    {
        "part": "text",
        "text": "The text is split into {n} tokens; ␣ is a space. The thickness of "
        "the line under a token shows its surprisal, the negative logarithm "
        "of its probability, in nats (natural logarithm): {surprise} has "
        "the most, {nats} nats. The model has read everything before a "
        "token, and nothing after it.",
    },
    {
        "part": "whole",
        "mode": "attention",
        "text": "This is the whole model: {layers} layers of {heads} attention "
        "heads and an MLP each, from left to right. A tile is a head. Its "
        "colour is strong if {word} gives much weight to one token other "
        "than the first. A pale tile attends to the first, or to many.",
    },
    {
        "part": "whole",
        "text": "The curve follows {word} through the layers. It shows the rank of "
        "{answer}, on a logarithmic scale, if the final norm and the "
        "unembedding read the residual stream there: the logit lens. Below "
        "it is the token that would come first. {answer} begins at rank "
        "{first} of {others} and is first only after layer {since}.",
    },
    {
        "part": "head-card text",
        "head": [23, 4],
        "text": "One head, large: rows are queries, columns are keys. In head "
        "{head}, {word} attends to {key} with weight {weight}; the arc in "
        "the text shows the same weight. Choose other heads with the "
        "arrows, or press a tile.",
    },
    {
        "part": "whole",
        "mode": "contribution",
        "text": "Each part adds its output to the residual stream. With the divisor "
        "of the final norm held constant, the logits are sums of these "
        "parts: direct logit attribution. The tiles show what each part "
        "adds to the logit of {answer} minus that of {runner}: violet "
        "raises it, orange with a minus lowers it. The line above adds them "
        "up to {sum}.",
    },
    {
        "part": "verdict",
        "head": [23, 4],
        "text": "Head {head} contributes {direct} to this difference directly. A "
        "large contribution is not yet a large effect: later heads and MLPs "
        "may read what it writes, cancel it, or make up for its absence. "
        "The next steps find out.",
    },
    {
        "part": "next",
        "text": "The softmax turns {others} logits into probabilities. {answer} "
        "gets {p}. Point at a bar to see its arithmetic.",
    },
    {
        "part": "head-card verdict next",
        "head": [23, 4],
        "off": [[23, 4]],
        "load": True,
        "text": "Now head {head} is ablated: its output is zero at every position, "
        "and the MLP of its layer and all later layers are computed again. "
        "The probability of {answer} falls from {p} to {now}.",
    },
    {
        "part": "next verdict",
        "head": [23, 4],
        "off": [[23, 4]],
        "load": True,
        "text": "Filled bars are without the head, dashed ones with all heads. What "
        "rises instead? Mostly other capitals, such as London: the form of "
        "the answer remains, but not the country.",
    },
    {
        "part": "verdict",
        "load": True,
        "text": "A single head was one choice of many. “Try all 270 heads” ablates "
        "each of them once and ranks them by the change of the "
        "log-probability of {answer}. Most change little. Head 0.4 comes "
        "second, but mostly because zeros at the first token disturb the "
        "attention sink (lesson 4.11). It takes some seconds, longer texts "
        "up to a minute or more, and can be stopped.",
    },
    {
        "part": "text",
        "load": True,
        "text": "Write any text of up to 128 tokens, or choose an example. Press a "
        "next token to append it, or “Continue” to let the model write. The "
        "menu at the top right copies a link to this text and these heads, "
        "or a Python program that computes the probabilities, the head's "
        "weights, its direct contribution and its effect.",
    },
    {
        "part": "text",
        "text": "The second model is the toy, with 3 layers of 4 heads. It was "
        "trained on a language whose grammar gives the true probabilities, "
        "which are marked beside its own. Its switch is above, beside the "
        "text.",
    },
]
