// Small tools of all views: making elements, writing numbers, telling a screen reader.
//
// Whatever comes from a user or a model (texts, words, labels) becomes a text node or an attribute here, never markup.

const PAUSE_MS = 500; // in typing
const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. Properties: `on…` functions are listeners, false and null leave out, others are attributes. */
function element(name, properties = {}, ...children) {
  return _fill(document.createElement(name), properties, children);
}

/** An SVG element, like `element`. */
function svg(name, properties = {}, ...children) {
  return _fill(document.createElementNS(SVG, name), properties, children);
}

function _fill(node, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'function') node.addEventListener(key.replace(/^on/, '').toLowerCase(), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A probability for reading: 7 %, 93 %, 99.97 %. Never 0 % or 100 %, unless it is exactly that. */
function percent(probability, digits = _percentDigits(probability)) {
  const distance = Math.min(probability, 1 - probability);
  if (distance > 0 && distance < 0.0001) return probability < 0.5 ? '<\u00a00.01\u00a0%' : '>\u00a099.99\u00a0%';
  return `${(probability * 100).toFixed(digits)}\u00a0%`;
}

function _percentDigits(probability) {
  const distance = Math.min(probability, 1 - probability);
  if (!(distance > 0)) return 0;
  return distance < 0.001 ? 2 : distance < 0.01 ? 1 : 0;
}

/** A probability within a sentence: over 99.99 %. */
function percentInWords(probability, digits = _percentDigits(probability)) {
  return percent(probability, digits).replace('<\u00a0', 'under ').replace('>\u00a0', 'over ');
}

/** Two probabilities with equally many digits, up to two, so that one sees whether and how far they differ: 8.1 % and 7.9 %. */
function percents(one, other, written = percent) {
  const least = Math.max(_percentDigits(one), _percentDigits(other));
  const distance = Math.abs(one - other);
  const telling = distance < 0.002 ? 2 : distance < 0.02 ? 1 : 0;
  const digits = Math.max(least, telling);
  const texts = [written(one, digits), written(other, digits)];
  return texts[0] === texts[1] ? [written(one, least), written(other, least)] : texts;
}

/** From one probability to another in points, as `percents` tells them: "▲ +3.2 points". */
function pointsBetween(one, other) {
  const points = (other - one) * 100;
  const size = Math.abs(points);
  if (size < 1e-7) return 'no difference';
  const [from, to] = percents(one, other);
  if (size < 0.05) return `${points > 0 ? '▲' : '▼'} less than ${from === to && size < 0.01 ? '0.01' : '0.1'} points`;
  return `${points > 0 ? '▲' : '▼'} ${signed(points, size < 10 ? 1 : 0)} points`;
}

/** A number with its sign and a real minus: +0.12, −0.71, 0.00. */
function signed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : (value < 0 ? '−' : '+') + text;
}

/** A number with a real minus. */
function plainNumber(value, digits = 2) {
  return signed(value, digits).replace('+', '');
}

/** "1 word", "3 words"; thousands are separated. */
function counted(number, noun) {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** Tell a screen reader, after a pause, so that typing does not make it stutter. */
function announce(text) {
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => {
    document.getElementById('announcements').textContent = text;
  }, 900);
}

/** "rtl" if the first letter of the text is of a script that is written from right to left, else "ltr". */
function directionOf(text) {
  const letter = /\p{L}/u.exec(text);
  const rightToLeft =
    /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}]/u;
  return letter && rightToLeft.test(letter[0]) ? 'rtl' : 'ltr';
}

/** The root's font size in pixels: drawings grow with the text. It can change with the window only. */
function rootSize() {
  if (!rootSize.known) {
    rootSize.known = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    addEventListener('resize', () => (rootSize.known = 0), {once: true});
  }
  return rootSize.known;
}

/** A group of radio buttons that looks like one bar. choices: [value, label, softer label or null][]. */
function segments(legend, name, choices, chosen, onChoose) {
  const group = element('fieldset', {class: 'segments'}, element('legend', {class: 'visually-hidden'}, legend));
  for (const [value, label, term] of choices) {
    const input = element('input', {type: 'radio', name, value, checked: value === chosen});
    input.addEventListener('change', () => onChoose(value));
    group.append(
      element('label', {}, input, element('span', {}, label, term ? element('small', {}, ` ${term}`) : null)),
    );
  }
  return group;
}

/** Call `draw` at most once a frame; while `root` is off the screen, only after a pause, or when it comes near. */
function drawnWhenSeen(root, draw) {
  let seen = false;
  let stale = false;
  let frame = 0;
  let pause = 0;
  const now = () => {
    cancelAnimationFrame(frame);
    clearTimeout(pause);
    frame = 0;
    if (stale) {
      stale = false;
      draw();
    }
  };
  const request = () => {
    stale = true;
    clearTimeout(pause);
    if (!seen) pause = setTimeout(now, PAUSE_MS);
    else if (!frame) frame = requestAnimationFrame(now);
  };
  addEventListener('beforeprint', now);
  new IntersectionObserver(
    (entries) => {
      seen = entries[entries.length - 1].isIntersecting;
      if (seen && stale) request();
    },
    {rootMargin: '400px'},
  ).observe(root);
  request();
  return request;
}
