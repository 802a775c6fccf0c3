// Colours of numbers, mixed from the custom properties in page.css, for light and dark.

const _scales = {};
const _dark = matchMedia('(prefers-color-scheme: dark)');

/** The ends and the middle of the scales, [red, green, blue] each; read again when the theme changes. */
function scaleColours() {
  const theme = _dark.matches ? 'dark' : 'light';
  if (!_scales[theme]) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--scale-${name}`).trim().split(/\s+/).map(Number);
    _scales[theme] = Object.fromEntries(
      ['positive', 'negative', 'middle', 'low', 'high'].map((name) => [name, colour(name)]),
    );
  }
  return _scales[theme];
}

function _mix(from, to, amount) {
  return from.map((channel, index) => Math.round(channel + (to[index] - channel) * amount));
}

/** −1 orange … 0 grey … 1 blue, as [red, green, blue]. */
function divergingRgb(value, colours = scaleColours()) {
  const bounded = Math.max(-1, Math.min(1, value || 0));
  return _mix(colours.middle, bounded < 0 ? colours.negative : colours.positive, Math.abs(bounded));
}

/** 0 pale … 1 deep, as [red, green, blue]. */
function sequentialRgb(value, colours = scaleColours()) {
  return _mix(colours.low, colours.high, Math.max(0, Math.min(1, value || 0)));
}

function css(rgb) {
  return `rgb(${rgb.join(' ')})`;
}

function diverging(value) {
  return css(divergingRgb(value));
}

function sequential(value) {
  return css(sequentialRgb(value));
}

function _luminance(rgb) {
  const [red, green, blue] = rgb.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Black or white, whichever contrasts more with the background: at least 4.5 : 1 (AA) on every colour. */
function textOn(rgb) {
  const luminance = _luminance(rgb);
  return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

/** The smallest of 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 20, … that is not below any |value|: scales that rarely change. */
function niceLimit(largest, least = 0.05) {
  for (const limit of [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7]) if (limit >= least && largest <= limit) return limit;
  return Math.ceil(largest / 10) * 10;
}
