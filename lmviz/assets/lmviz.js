// All views: what a site loads once, so that no page needs a copy.
import "./attention.js";
import "./embeddings.js";
import "./explorer.js";
import "./lens.js";
import "./positions.js";
import "./prediction.js";
import "./tokens.js";
