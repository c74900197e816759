// What an application in TypeScript writes against the generated types, in strict mode: nothing optional is demanded.
import type { components, paths } from "./api";

type Schemas = components["schemas"];

export const reply: Schemas["Say"] = { text: "Your top-up has arrived." };
export const label: Schemas["Label"] = { issue: "topup" };
export const agent: Schemas["NewAgent"] = { email: "ann@example.com", name: "Ann" };
export const search: NonNullable<paths["/api/v1/conversations"]["get"]["parameters"]["query"]> = { state: ["waiting"] };

export function isOpen(one: Schemas["ConversationOut"]): boolean {
  switch (one.state) {
    case "waiting":
    case "offered":
    case "assigned":
    case "snoozed":
      return true;
    case "closed":
      return false;
  }
}

// @ts-expect-error a state that does not exist is a fault
export const wrong: Schemas["ConversationOut"]["state"] = "asleep";
