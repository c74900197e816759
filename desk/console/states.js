// What the states of a conversation mean to the console: a new one is added here, and its words in i18n/.

export const OPEN = ["waiting", "offered", "assigned", "snoozed"];
const TAKEABLE = ["waiting", "snoozed"];

/** Whether an agent may take it without an offer. */
export const takeable = (it) => TAKEABLE.includes(it.state);
