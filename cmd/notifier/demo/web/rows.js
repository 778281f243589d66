import { part, setText } from "./element.js";
import { Row } from "./row.js";

const BOOKED_AT_FIRST = 10;

/** The three groups of a panel's list, kept in step with what the window knows. */
export class Rows {
  #panel;
  #ask;
  #rows = new Map(); // by appointment id, without those that are leaving
  #all = false; // every booked appointment is shown
  #first = true;

  constructor(panel, ask) {
    this.#panel = panel;
    this.#ask = ask;
    part(panel, "more").addEventListener("click", () => {
      this.#all = !this.#all;
      this.#show();
    });
  }

  show(list, doctors) {
    this.latest = { list, free: new Set(doctors.filter((d) => !d.isBusy).map((d) => d.id)) };
    this.#show();
    this.#first = false;
  }

  /** Shows a row's end, then lets it go; focus that was in it moves on. */
  leave(id, status, took) {
    const row = this.#rows.get(id);
    if (!row) return; // beyond the shown part of the list
    this.#rows.delete(id);
    const focused = row.element.contains(document.activeElement);
    const neighbour = row.element.nextElementSibling ?? row.element.previousElementSibling;
    row.leave(status, took);
    if (focused) this.#focusOn(neighbour);
  }

  drop(id) {
    this.#rows.get(id)?.drop();
    this.#rows.delete(id);
  }

  #focusOn(element) {
    const row = element && [...this.#rows.values()].find((candidate) => candidate.element === element);
    if (row) row.focus();
    else part(this.#panel, "scroll").focus({ preventScroll: true });
  }

  #show() {
    const kept = new Set();
    for (const group of this.#panel.querySelectorAll("[data-group]")) {
      const code = group.dataset.group;
      const all = this.latest.list.in(code);
      const shown = code === "AGENDADO" && !this.#all ? all.slice(0, BOOKED_AT_FIRST) : all;
      setText(group.querySelector(".group__count"), String(all.length));
      group.classList.toggle("group--empty", all.length === 0);
      this.#place(group.querySelector(".rows"), shown);
      for (const data of shown) kept.add(data.id);
      if (code === "AGENDADO") this.#showMore(all.length);
    }
    for (const id of [...this.#rows.keys()]) if (!kept.has(id)) this.drop(id);
  }

  // Rows that are leaving keep their place between the others.
  #place(container, shown) {
    let at = container.firstElementChild;
    for (const data of shown) {
      while (at?.classList.contains("row--leaving")) at = at.nextElementSibling;
      let row = this.#rows.get(data.id);
      const fresh = !row;
      if (fresh) this.#rows.set(data.id, (row = new Row(this.#ask)));
      row.show(data, this.latest.free.has(data.doctor.id));
      if (row.element === at) {
        at = at.nextElementSibling;
        continue;
      }
      const focused = row.element.contains(document.activeElement);
      container.insertBefore(row.element, at);
      if (focused) row.focus(); // moving an element takes its focus away
      if (fresh && !this.#first) row.appear();
    }
  }

  #showMore(count) {
    const more = part(this.#panel, "more");
    more.hidden = count <= BOOKED_AT_FIRST;
    more.ariaExpanded = String(this.#all);
    setText(more, this.#all ? "Mostrar só os próximos" : `Mostrar mais ${count - BOOKED_AT_FIRST}`);
  }
}
