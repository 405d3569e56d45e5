// Numbers as the parts of the view of a model write them.

export const signedText = (x) => (Object.is(+x.toFixed(2), -0) ? "0.00" : `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`);
export const percent = (p) => `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %`;
