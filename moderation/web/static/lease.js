// A claim's time: shown, renewed while somebody reads, and told when it is over.

const READING = 60_000; // so long after a key, a click or a turn of the wheel somebody is reading
let active = Date.now();
for (const kind of ['keydown', 'pointerdown', 'pointermove', 'wheel', 'touchmove']) {
  document.addEventListener(kind, () => (active = Date.now()), { passive: true });
}

export class Lease {
  // `full` is the length of a lease in seconds; `renew` asks for a new one; `over` is told once when it ran out.
  constructor({ full, renew, over }) {
    Object.assign(this, { full: full * 1000, renew, over, ends: 0, asking: false });
    this.place = document.getElementById('lease');
  }

  start(seconds) {
    this.ends = Date.now() + seconds * 1000;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), 1000);
    this.place.hidden = false;
    this.show();
  }

  stop() {
    clearInterval(this.timer);
    this.place.hidden = true;
  }

  tick() {
    const left = this.ends - Date.now();
    if (left <= 0) {
      this.stop();
      this.over();
      return;
    }
    this.show();
    const reading = !document.hidden && Date.now() - active < READING;
    if (reading && left < this.full / 2 && !this.asking) this.again();
  }

  async again() {
    this.asking = true;
    try {
      await this.renew();
      this.ends = Date.now() + this.full;
    } catch {
      // Whoever has it now is told by the events, or with the decision.
    } finally {
      this.asking = false;
    }
  }

  show() {
    const left = Math.max(0, this.ends - Date.now());
    const seconds = Math.floor(left / 1000);
    document.getElementById('lease-left').textContent = seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`;
    document.getElementById('lease-bar').setAttribute('width', Math.min(100, (100 * left) / this.full).toFixed(1));
    this.place.classList.toggle('soon', left < 60_000);
  }
}
