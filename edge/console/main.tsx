/** Entry of the console. */
import { render } from "preact";
import { App } from "./app.tsx";
import "./style.css";
import "./forms.css";
import "./playground/playground.css";
import "./usage/usage.css";

const root = document.getElementById("console");
if (root !== null) render(<App />, root);
