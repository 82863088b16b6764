// What changes on the page changes here: text only, and only where it is another one. Nothing is ever parsed as markup.

/** The element of this id. */
export function $(id) {
  return document.getElementById(id);
}

/** Give an element this text. */
export function say(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Give an element these classes, and no others. */
export function dress(element, names) {
  if (element.className !== names) element.className = names;
}

/** An element with a class and a text. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/**
 * A table body whose rows stay where they are: row 3 is always the same element, whatever it shows, so that nothing
 * moves under a reader's eyes or pointer.
 */
export class Rows {
  /**
   * @param body The tbody.
   * @param columns One a column: {head: whether it names the row, n: whether it holds numbers, make: fills a new cell}.
   * @param empty What to say when there are no rows.
   */
  constructor(body, columns, empty) {
    this.body = body;
    this.columns = columns;
    this.rows = [];
    this.empty = make("tr", "empty");
    const cell = make("td", "", empty);
    cell.colSpan = columns.length;
    this.empty.append(cell);
    this.body.append(this.empty);
  }

  /** Show these items; `fill(cells, item, row)` writes one. */
  show(items, fill) {
    while (this.rows.length < items.length) this.rows.push(this.#row());
    this.rows.forEach((row, index) => {
      row.hidden = index >= items.length;
      if (!row.hidden) fill(row.cells, items[index], row);
    });
    this.empty.hidden = items.length > 0;
  }

  #row() {
    const row = make("tr");
    for (const column of this.columns) {
      const cell = make(column.head ? "th" : "td", column.n ? "n" : "");
      if (column.head) cell.scope = "row";
      column.make?.(cell);
      row.append(cell);
    }
    this.body.append(row);
    return row;
  }
}

/** Write a cell: its text, the tone it has, and what it says in full when pointed at. */
export function cell(element, text, { tone = "", n = false, title = "" } = {}) {
  say(element, text);
  dress(element, [n ? "n" : "", tone].filter(Boolean).join(" "));
  if (element.title !== title) element.title = title;
}
