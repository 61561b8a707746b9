// Processor time of a process and all its descendants: of a whole browser.

import { readFileSync, readdirSync } from 'node:fs';

/** The kernel's clock ticks in a second, as every Linux of today has it. */
const TICKS = 100;

/** Seconds of user and system time of what runs now. */
export function cpuOfTree(root) {
  const processes = readdirSync('/proc').flatMap(entry);
  const children = grouped(processes);
  const sum = (id) => (children.get(id) ?? []).reduce((total, child) => total + child.ticks + sum(child.id), 0);
  const own = processes.find(({ id }) => id === root)?.ticks ?? 0;
  return (own + sum(root)) / TICKS;
}

function entry(name) {
  if (!/^\d+$/.test(name)) return [];
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    // The name in parentheses may hold anything; what follows it are the fields from the third on.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return [{ id: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
  } catch {
    return []; // It ended since the folder was read.
  }
}

function grouped(processes) {
  const groups = new Map();
  for (const process of processes) {
    const { parent } = process;
    if (!groups.has(parent)) groups.set(parent, []);
    groups.get(parent).push(process);
  }
  return groups;
}
