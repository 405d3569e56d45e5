// After a wrong address: the pages whose titles have the words of its last part.
(() => {
  const parts = location.pathname
    .replace(/%[0-9a-f]{2}/gi, " ")
    .replace(/\.html?$/, "")
    .split("/")
    .map((part) => part.match(/[a-z]{3,}/gi)?.join(" "))
    .filter((words) => words && words !== "index");
  const query = parts.at(-1);
  if (!query) return;
  document.querySelector(".big-find input").value = query;
  bookSearch.load().then((entries) => {
    const pages = entries.filter(({ kind }) => kind === "page" || kind === "lesson");
    const meant = document.getElementById("meant");
    for (const { address, number, title } of bookSearch.rank(pages, query).slice(0, 3)) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = `${number} ${title}`.trim();
      const item = document.createElement("li");
      item.append(link);
      meant.lastElementChild.append(item);
      meant.hidden = false;
    }
  });
})();
