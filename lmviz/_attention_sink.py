"""Show the learned sink of a model as a key of its own, before the tokens."""

from ._validation import float_array, strings

NAME = "(sink)"


def with_sink(weights, tokens, sink):
    """Return attention weights with the sink as the first key, and the keys' labels.

    Parameters
    ----------
    weights : numpy.ndarray, shape (..., T_q, T_k)
    tokens : sequence of T_k str
    sink : array-like, shape (..., T_q)
        The share of each query's attention that goes to no token.

    Examples
    --------
    >>> import numpy as np
    >>> with_sink(np.array([[0.25], [0.5]]), ["a"], [0.75, 0.5])
    (array([[0.75, 0.25],
           [0.5 , 0.5 ]]), ['(sink)', 'a'])
    """
    import numpy as np

    sink = float_array(sink, "sink", weights.shape[:-1])
    tokens = strings(tokens, "tokens", weights.shape[-1])
    return np.concatenate([sink[..., None], weights], -1), [NAME, *tokens]
