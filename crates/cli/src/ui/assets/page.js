// Keeps the page as it is in the cluster, while something of it changes. Without it, the page is as it was when it was loaded.
const words = document.getElementById("connection");
const gone = "kubectl backup ui does not answer: has it ended?";
// Lines of a log that are kept: as many as are sent at a time.
const most = 200;
let told = null;
let loading = false;
let again = false;

const of = (id) => document.getElementById(id);

function follow() {
  const events = of("page").dataset.events;
  if (told || !events || document.hidden) {
    return;
  }
  told = new EventSource(events);
  const on = (name, act) => told.addEventListener(name, (event) => act(event.data));
  const put = (id, html) => {
    if (of(id)) {
      of(id).innerHTML = html;
    }
    words.textContent = "";
  };
  on("progress", (html) => put("live", html));
  on("check", (html) => put("check", html));
  on("place", (text) => {
    of("log").hidden = false;
    of("place").textContent = text;
    of("lines").textContent = "";
  });
  on("log", (text) => {
    const lines = of("lines");
    const all = (lines.textContent + text + "\n").split("\n");
    const low = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 8;
    lines.textContent = all.slice(-most - 1).join("\n");
    if (low) {
      lines.scrollTop = lines.scrollHeight;
    }
  });
  on("changed", renew);
  on("broken", (text) => {
    words.textContent = text;
  });
  on("ended", (text) => {
    leave();
    words.textContent = text;
    renew();
  });
  told.onerror = () => {
    words.textContent = gone;
  };
}

function leave() {
  if (told) {
    told.close();
    told = null;
  }
}

// How what has the focus is found again.
function focused() {
  const at = document.activeElement;
  const form = at && at.closest("#page form");
  if (form) {
    return `form[action="${CSS.escape(form.getAttribute("action"))}"] button`;
  }
  const link = at && at.closest("#page a");
  return link && `#page a[href="${CSS.escape(link.getAttribute("href"))}"]`;
}

// Puts the page as it is now in the place of the one that is shown.
async function renew() {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  try {
    const answer = await fetch(location.href);
    const whole = new DOMParser().parseFromString(await answer.text(), "text/html");
    const at = focused();
    const log = of("log");
    of("page").replaceWith(document.importNode(whole.getElementById("page"), true));
    // What was heard of it is not told again.
    if (log && of("log")) {
      of("log").replaceWith(log);
    }
    const before = at && document.querySelector(at);
    if (before) {
      before.focus();
    } else if (at) {
      of("main").focus();
    }
    if (!of("page").dataset.events) {
      leave();
    }
  } catch {
    words.textContent = gone;
  }
  loading = false;
  if (again) {
    again = false;
    await renew();
    return;
  }
  follow();
}

// Browsers have few connections to a host: who does not look holds none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    leave();
  } else if (of("page").dataset.events) {
    renew();
  }
});
follow();
