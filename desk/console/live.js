// The events socket: resumes from the last cursor after a drop, and hands over what came once per frame of the screen.

import { socketAddress } from "./api.js";

const LONGEST_PAUSE = 15_000;

export class Live {
  /** `flushed(events)` gets all events of one frame in order; `state` hears "open", "lost" and "reset" (fetch everything again). */
  constructor(flushed, state) {
    Object.assign(this, { flushed, state, cursor: null, tries: 0, buffer: [], stopped: false });
    addEventListener("online", () => this.open());
  }

  open() {
    if (this.stopped || this.socket?.readyState < 2) return;
    clearTimeout(this.timer);
    const since = this.cursor === null ? "" : `?cursor=${this.cursor}`;
    const socket = new WebSocket(socketAddress(`events${since}`));
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.state("open");
      if (this.cursor === null && this.before) this.state("reset");
      this.before = true;
    };
    socket.onmessage = (frame) => this.heard(JSON.parse(frame.data));
    socket.onclose = (end) => this.closed(socket, end.code);
  }

  heard(event) {
    if (event.cursor !== undefined && event.cursor !== null) {
      if (this.cursor !== null && event.cursor < this.cursor) return;
      this.cursor = event.cursor;
    }
    this.buffer.push(event);
    if (this.waiting) return;
    this.waiting = true;
    // A hidden tab gets no frames, but its title must still count.
    requestAnimationFrame(() => this.flush());
    setTimeout(() => this.flush(), 200);
  }

  flush() {
    if (!this.waiting) return;
    this.waiting = false;
    const events = this.buffer;
    this.buffer = [];
    this.flushed(events);
  }

  closed(socket, code) {
    if (socket !== this.socket || this.stopped) return;
    this.state("lost");
    if (code === 4410) {
      this.cursor = null;
      this.state("reset");
    }
    if (code === 4401) return this.state("out");
    const most = Math.min(LONGEST_PAUSE, 400 * 2 ** this.tries);
    this.tries += 1;
    this.timer = setTimeout(() => this.open(), most * (0.5 + Math.random() / 2));
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}
