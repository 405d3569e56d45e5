// What a term of the glossary is called, and the lesson that explains it; the build fills it.
const LESSONS = {};

// Full marks go to entries of the glossary (100). Before them come the lesson of a term that
// begins like the query, and lessons with it in their title; other lessons come before
// functions and exercises.
var Scorer = {
  score: ([page, title, , , score]) => {
    if (!/^lessons\/.*\/\d/.test(page)) return score;
    const query = (new URLSearchParams(location.search).get("q")?.toLowerCase() ?? "").trim();
    const term = Object.keys(LESSONS).find((name) => name.startsWith(query));
    if (query && LESSONS[query in LESSONS ? query : term] === page) return score + 200;
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
