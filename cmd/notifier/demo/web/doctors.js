import { fromTemplate, part, setText } from "./element.js";

/** Shows an account's doctors, free or busy, and with whom. */
export class Doctors {
  #list;
  #items = new Map();

  constructor(list) {
    this.#list = list;
  }

  show(doctors, serving) {
    for (const [id, item] of this.#items) {
      if (doctors.some((doctor) => doctor.id === id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const doctor of doctors) {
      let item = this.#items.get(doctor.id);
      if (!item) {
        item = fromTemplate("doctor-template");
        item.dataset.id = doctor.id;
        setText(part(item, "face"), initials(doctor.name));
        const [title, given, ...rest] = doctor.name.split(" ");
        setText(part(item, "name"), `${title} ${given}`);
        setText(part(item, "rest"), ` ${rest.join(" ")}`); // where there is room
        this.#items.set(doctor.id, item);
        this.#list.append(item);
      }
      const with_ = serving.find((row) => row.doctor.id === doctor.id);
      item.dataset.busy = String(doctor.isBusy);
      const word = doctor.name.startsWith("Dra.") ? "ocupada" : "ocupado";
      setText(part(item, "state"), doctor.isBusy ? word : "livre");
      item.title = doctor.isBusy && with_ ? `${doctor.name}, com ${with_.patient.name}` : doctor.name;
    }
  }
}

/** "Dra. Helena Cavalcanti" → "HC" */
function initials(name) {
  const words = name.split(" ").filter((word) => !word.endsWith("."));
  return words[0][0] + (words.length > 1 ? words.at(-1)[0] : "");
}
