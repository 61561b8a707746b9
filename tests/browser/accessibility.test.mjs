// The page for people who cannot see it, cannot point at it, or hold it in one hand.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { App } from '../harness/app.mjs';
import { share } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { MiB, randomFile, sha256 } from '../harness/files.mjs';
import { proves } from '../harness/scope.mjs';

/** WCAG 2.2, AA: 4.5 for text, 3 for large text. */
const CONTRAST = 4.5;
const LARGE_CONTRAST = 3;

/** The narrowest phone that is still about, and a common one. */
const WIDTHS = [320, 390];

/** Tab presses in which every control of a page this small must have been reached. */
const TABS = 40;

async function finishedPage(scope) {
  const path = await randomFile(join(await scope.folder('share'), 'content.bin'), 2 * MiB);
  const node = await share(scope, path);
  const app = await App.open(await chromium(scope), node.link);
  await app.reaches('done');
  return { app, path };
}

proves('every control has a name, and the progress bar tells its value', async (scope) => {
  const { app } = await finishedPage(scope);
  const nodes = flatten(await app.page.accessibility.snapshot());
  const controls = nodes.filter(({ role }) => /button|link|textbox|checkbox|progressbar|img|image/.test(role));
  assert.ok(controls.some(({ role }) => role === 'button'));
  assert.deepEqual(controls.filter(({ name }) => !name?.trim()), []);
  const bar = await app.page.$eval('[role=progressbar]', (element) => element.getAttribute('aria-valuenow'));
  assert.equal(bar, '100');
  assert.ok(await app.page.evaluate(() => document.documentElement.lang));
});

proves('the file can be saved with the keyboard alone', async (scope) => {
  const { app, path } = await finishedPage(scope);
  const focused = () => app.page.evaluate(() => document.activeElement?.getAttribute('data-save') ?? '');
  for (let presses = 0; (await focused()) === ''; presses += 1) {
    assert.ok(presses < TABS, 'Tab never reaches the save control');
    await app.page.keyboard.press('Tab');
  }
  await app.page.keyboard.press('Enter');
  assert.equal(await sha256(await app.browser.saved('content.bin')), await sha256(path));
});

for (const scheme of ['light', 'dark']) {
  proves(`text has enough contrast in the ${scheme} scheme`, async (scope) => {
    const { app } = await finishedPage(scope);
    await app.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await app.page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
    const texts = await app.page.evaluate(measureContrast);
    assert.ok(texts.length > 5);
    const faint = texts.filter(({ ratio, large }) => ratio < (large ? LARGE_CONTRAST : CONTRAST));
    assert.deepEqual(faint, []);
  });
}

proves('on a phone nothing sticks out sideways', async (scope) => {
  const { app } = await finishedPage(scope);
  for (const width of WIDTHS) {
    await app.page.setViewport({ width, height: 640, isMobile: true, hasTouch: true });
    const wide = await app.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px wide on a screen of ${width}`);
  }
});

function flatten(node) {
  return [node, ...(node.children ?? []).flatMap(flatten)];
}

/** Runs in the page: the contrast of every piece of text that can be seen, against the nearest background. */
function measureContrast() {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], [br, bg, bb]) => [r, g, b].map((value, i) => (value * a + [br, bg, bb][i] * (255 - a)) / 255);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgroundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(colour(getComputedStyle(at).backgroundColor));
    const base = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reduce((below, layer) => over(layer, below), base);
  };
  const texts = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join(' ').trim();
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const seen = own && element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && box.width > 1 && box.height > 1;
    // Controls that are off are exempt.
    if (!seen || element.closest('[disabled], .visually-hidden, .skip')) continue;
    const background = backgroundOf(element);
    const [a, b] = [luminance(over(colour(style.color), background)), luminance(background)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    texts.push({ text: own.slice(0, 40), ratio: Math.round(((a + 0.05) / (b + 0.05)) * 100) / 100, large });
  }
  return texts;
}
