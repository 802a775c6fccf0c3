// Stepping through the words in the order in which an LSTM reads them: one at a time, or on and on.

const STEP_MS = 2600; // at speed 1; without motion a word stays half as long

/** The LSTM that is looked at. */
function chosenLstm(app) {
  return app.model.lstms.find((lstm) => lstm.name === app.state.lstm);
}

/** The word that `lstm` reads after `word` (-1: it has read none), or null after its last one. A backward LSTM starts at the end. */
function nextWord(lstm, word, words) {
  const next = lstm.direction === 'backward' ? (word === -1 ? words - 1 : word - 1) : word + 1;
  return next >= 0 && next < words ? next : null;
}

/** The word that it has read before `word`: -1 before the first, null if there is nothing before. */
function previousWord(lstm, word, words) {
  if (word === -1) return null;
  const previous = lstm.direction === 'backward' ? word + 1 : word - 1;
  return previous >= 0 && previous < words ? previous : -1;
}

/**
 * Plays the cell. `onFrame(t)`: draw the chosen word at share t of its step, 1 at rest; `onChange()`: playing or not.
 * Without motion (prefers-reduced-motion) a word appears at once, and `onFrame` is called with 1 alone.
 */
function cellPlayer(app, onFrame, onChange) {
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const player = { playing: false, speed: 1, moving: false, stepping: false };
  let frame = 0;
  let timer = 0;

  function words() {
    return app.reading.words.length;
  }

  function stop() {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    player.moving = false;
  }

  /** Go to a word; the view does not take this for somebody else's choice. */
  function go(now) {
    player.stepping = true;
    app.set({ now });
    player.stepping = false;
  }

  function animate() {
    stop();
    if (still.matches) {
      onFrame(1);
      if (player.playing) timer = setTimeout(goOn, STEP_MS / 2 / player.speed);
      return;
    }
    player.moving = true;
    let before = null;
    let share = 0;
    const tick = (time) => {
      // The speed may change on the way. A hidden page gets no frames: a long pause counts as one frame.
      if (before !== null) share += (Math.min(time - before, 50) / STEP_MS) * player.speed;
      before = time;
      if (share >= 1) {
        player.moving = false;
        onFrame(1);
        if (player.playing) timer = setTimeout(goOn, 350 / player.speed);
        return;
      }
      onFrame(share);
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  }

  function goOn() {
    const next = nextWord(chosenLstm(app), app.state.now, words());
    if (next === null) {
      player.pause();
      return;
    }
    go(next);
    animate();
  }

  return Object.assign(player, {
    /** One word on; the first one if all have been read. */
    forward() {
      player.pause();
      const next = nextWord(chosenLstm(app), app.state.now, words()) ?? nextWord(chosenLstm(app), -1, words());
      if (next === null) return;
      go(next);
      animate();
    },
    back() {
      player.pause();
      const previous = previousWord(chosenLstm(app), app.state.now, words());
      if (previous !== null) go(previous);
    },
    play() {
      if (!words()) return;
      player.playing = true;
      onChange();
      if (nextWord(chosenLstm(app), app.state.now, words()) === null) go(-1);
      goOn();
    },
    /** Stop, with everything at rest. */
    pause() {
      const changed = player.playing || player.moving;
      stop();
      player.playing = false;
      if (changed) onFrame(1);
      onChange();
    },
  });
}
