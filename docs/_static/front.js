// The figure of the front page. Its drawings are in the page, and front.css animates
// them; this file jumps, pauses, changes between the tokens, and says what is shown.
(() => {
  const figure = document.querySelector(".journey");
  if (!figure) return;
  const all = (selector) => [...figure.querySelectorAll(selector)];
  const { end, upper, positions } = JSON.parse(figure.querySelector("script").textContent);
  const drawings = all(".drawing"), words = all(".words button");
  const steps = all(".steps button"), starts = steps.map((step) => +step.dataset.at);
  const said = figure.querySelector(".said"), play = figure.querySelector(".play");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  // What is shown: which token is pressed, at which time, and whether it moves.
  let pressed = words.length - 1, time = end, playing = false, began = 0, frame = 0;

  // Each step ends where the next begins; the upper layers belong to the last one.
  const ends = [...starts.slice(1, -1), upper, end];
  const stepAt = (now) => ends.findIndex((last) => now < last || last === end);

  function sentence(step) {
    const { said, ranks, times } = positions[pressed];
    const passed = times.findLastIndex((reached) => reached <= time + 1);
    const when = passed > 0 ? translated("After layer {layer}", { layer: passed - 1 }) : translated("Before layer 0");
    const rank = ranks[Math.max(passed, 0)].toLocaleString("en");
    return said[step].replace("{when}", () => when).replace("{rank}", () => rank);
  }

  function show() {
    const step = stepAt(time), text = sentence(step);
    if (said.textContent !== text) said.textContent = text;
    steps.forEach((button, i) =>
      i === step ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current"));
    const name = playing ? translated("Pause") : translated("Play");
    if (play.getAttribute("aria-label") !== name) play.setAttribute("aria-label", name);
    figure.classList.toggle("playing", playing);
    // While it plays, the sentence changes too often to be read out.
    said.setAttribute("aria-live", playing ? "off" : "polite");
  }

  // Restart all animations, and hold them at a time.
  function go(to, run = false) {
    time = to;
    playing = run;
    figure.classList.add("still");
    void figure.offsetWidth; // so that the next line starts them anew
    figure.classList.toggle("still", time >= end);
    for (const one of figure.getAnimations({ subtree: true })) {
      if (!("animationName" in one)) continue; // a colour that changes
      one.pause();
      one.currentTime = time;
      if (run) one.play();
    }
    began = performance.now() - time;
    show();
    cancelAnimationFrame(frame);
    if (run) frame = requestAnimationFrame(tick);
  }

  function tick() {
    time = Math.min(end, performance.now() - began);
    if (time === end) return go(end);
    frame = requestAnimationFrame(tick);
    show();
  }

  function press(word) {
    pressed = word;
    drawings.forEach((drawing, i) => (drawing.hidden = i !== word));
    words.forEach((button, i) => button.setAttribute("aria-pressed", i === word));
    go(end);
  }

  words.forEach((button, i) => {
    button.disabled = false;
    button.addEventListener("click", () => press(i));
  });
  steps.forEach((button, i) => button.addEventListener("click", () => go(i === 3 ? end : ends[i] - 1)));
  play.addEventListener("click", () => (playing ? go(time) : go(time < end ? time : 0, true)));
  // The drawing for the other width starts anew when it is shown.
  addEventListener("resize", () => time < end && go(time, playing));

  figure.classList.add("still", "ready");
  if (still) return go(end);
  // It plays once, when it is first in sight.
  go(0);
  const watch = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      if (time === 0) go(0, true);
    },
    { threshold: 0.4 },
  );
  watch.observe(figure);
})();
