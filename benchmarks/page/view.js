// Load the model of the view on this page; tell when everything is shown, if the address asks.
import { tell, wait } from "./told.js";

const view = document.querySelector("lmviz-model");
while (!view.load) await wait(20);
view.shadowRoot.querySelector(".go").click();
while (!view.engine.ready || !view.seen || view.busy) await wait(20);
if (location.search) await tell({});
