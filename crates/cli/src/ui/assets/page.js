// Follows the run that the page shows, and loads the page again when it has ended. Without it, the page is as it was when it was loaded.
const live = document.getElementById("live");
if (live && live.dataset.events) {
  const told = new EventSource(live.dataset.events);
  const words = document.getElementById("connection");
  told.addEventListener("progress", (event) => {
    live.innerHTML = event.data;
    words.textContent = "";
  });
  told.addEventListener("broken", (event) => {
    words.textContent = event.data;
  });
  told.addEventListener("ended", () => {
    told.close();
    location.reload();
  });
  told.onerror = () => {
    words.textContent = "kubectl backup ui does not answer: has it ended?";
  };
}
