// Keeps what is shown fresh: every two seconds the page is fetched again, and the parts that are only read are
// replaced. Forms are left alone, so that nobody loses what they were writing.
"use strict";
const PERIOD = 2000;

async function refresh() {
  if (document.hidden) return;
  const reply = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other || part.innerHTML === other.innerHTML || part.contains(document.activeElement)) continue;
    part.replaceWith(other);
  }
  // A change that now waits for somebody, or no longer does, has other forms: show them unless one is being filled in.
  const forms = (page) => [...page.querySelectorAll("main button")].map((button) => button.id).join();
  const writing = [...document.querySelectorAll("main textarea, main input:not([type=hidden])")]
    .some((field) => field === document.activeElement || field.value !== field.defaultValue);
  if (forms(document) !== forms(fresh) && !writing) location.reload();
}

setInterval(() => refresh().catch(() => {}), PERIOD);

const person = document.getElementById("person");
if (person) person.addEventListener("change", () => person.form.submit());
