// What a site loads on every page: of the views, only those that the page shows.
for (const name of ["attention", "embeddings", "explorer", "lens", "positions", "prediction",
  "tokens"]) {
  if (document.querySelector(`lmviz-${name}`)) import(`./${name}.js`);
}
