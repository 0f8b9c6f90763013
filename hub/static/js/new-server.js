// [data-slug-of="id"]: a field that shows what the hub would make of another field when it is left empty.
// The hub has the last word; this only says it beforehand.
const MAX = 30;

export function slug(text) {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, MAX)
    .replace(/-+$/, "");
}

for (const field of document.querySelectorAll("input[data-slug-of]")) {
  const source = document.getElementById(field.dataset.slugOf);
  if (!source) continue;
  const show = () => {
    field.placeholder = slug(source.value);
    // Nothing of the name can stand in an address: then it has to be said.
    field.required = source.value.trim() !== "" && field.placeholder === "";
  };
  source.addEventListener("input", show);
  show();
}
