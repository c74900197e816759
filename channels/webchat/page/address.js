// The line under the conversation where a visitor leaves an address, so that an answer reaches them when they are gone.

const by = (id) => document.getElementById(id);

/** Shown once something was said, on chats that send mail. `keep(email)` tells the server and rejects what is no address. */
export class Address {
  constructor(store, keep) {
    Object.assign(this, { store, keep });
    this.offered = document.body.dataset.mail === "yes";
    [this.form, this.field, this.words, this.change] = ["mail", "email", "mail-words", "mail-change"].map(by);
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.change.addEventListener("click", () => this.edit());
  }

  draw(say, began) {
    this.say = say;
    const kept = this.store.get("email");
    const asking = !kept || this.editing;
    this.form.hidden = !this.offered || !began;
    this.words.textContent = asking ? say(this.bad ? "mail_bad" : "mail_hint") : say("mail_kept", { email: kept });
    this.words.className = this.bad ? "bad" : "";
    by("mail-ask").hidden = !asking;
    this.change.hidden = asking;
  }

  edit() {
    this.editing = true;
    this.field.value = this.store.get("email") ?? "";
    this.draw(this.say, true);
    this.field.focus();
  }

  async submit(event) {
    event.preventDefault();
    const email = this.field.value.trim();
    if (!email) return;
    this.bad = await this.keep(email).then(() => false, () => true);
    if (!this.bad) this.store.set("email", email);
    this.editing = this.bad;
    this.draw(this.say, true);
    (this.bad ? this.field : by("text")).focus();
  }
}
