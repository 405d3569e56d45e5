// Full marks go to entries of the glossary (100). A lesson with the term in its title
// comes before them, its other lessons before functions and exercises.
var Scorer = {
  score: ([page, title, , , score]) => {
    if (!/^lessons\/.*\/\d/.test(page)) return score;
    const query = (new URLSearchParams(location.search).get("q")?.toLowerCase() ?? "").trim();
    return score + (title.toLowerCase().includes(query) ? 120 : 20);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
