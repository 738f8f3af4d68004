import { render } from "preact";
import { App } from "./app.js";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/browse.css";
import "./styles/room.css";

render(<App />, document.getElementById("app")!);
