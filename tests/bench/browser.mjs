// Pages under measurement: `node browser.mjs '{"runs": 3, "size": 268435456}'` prints a line of JSON for each run.
// Every run has browsers of its own, each with its own profile; runs of what is compared take turns.

import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { App } from '../harness/app.mjs';
import { seed, share, tracker } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { content } from '../harness/content.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { Scope } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';
import { channelPair } from './channel.mjs';
import { cpuOfTree } from './cpu.mjs';

const { runs, size, only } = JSON.parse(process.argv[2]);

/** As the native benchmark has it. */
const PIECE_LENGTH = 1024 * 1024;
