import { useCallback, useEffect, useRef } from "react";
import { getWaiting } from "../web/api.js";
import type { Appointment } from "./appointment";
import { account } from "./socket";

const AGAIN = 2_000;

/**
 * load asks the clinic for the list until it answers, and hands it to show; of several under way the latest counts.
 * What has ended since it was asked for may still be in the answer, and is left out: ended tells of it.
 */
export function useClinicList(show: (list: Appointment[]) => void) {
  const endedMeanwhile = useRef<Set<number> | null>(null); // null when no answer is awaited
  const retry = useRef<number>(undefined);

  const load = useCallback(async () => {
    const own = new Set<number>();
    endedMeanwhile.current = own;
    window.clearTimeout(retry.current);
    try {
      const { appointments }: { appointments: Appointment[] } = await getWaiting(account);
      if (endedMeanwhile.current !== own) return; // asked again since, or unmounted
      endedMeanwhile.current = null;
      show(appointments.filter((apt) => !own.has(apt.id)));
    } catch {
      if (endedMeanwhile.current === own) retry.current = window.setTimeout(load, AGAIN);
    }
  }, [show]);

  const ended = useCallback((id: number) => {
    endedMeanwhile.current?.add(id);
  }, []);

  useEffect(() => () => {
    endedMeanwhile.current = null;
    window.clearTimeout(retry.current);
  }, []);

  return { load, ended };
}
