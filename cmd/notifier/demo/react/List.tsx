import { useCallback, useEffect, useState } from "react";
import { setStatus } from "../web/api.js";
import type { Appointment, Finished } from "./appointment";
import { Foot } from "./Foot";
import { Groups } from "./Groups";
import { account, socket } from "./socket";
import { useClinicList } from "./useClinicList";

/** The waiting list: asked for once, and from then on kept by the socket's events. */
export function List() {
  const [listAppointments, setListAppointments] = useState<Appointment[] | null>(null);
  const [finished, setFinished] = useState<{ count: number; last: Finished | null }>({ count: 0, last: null });
  const [refusal, setRefusal] = useState({ sentence: "" });
  const { load, ended } = useClinicList(setListAppointments);

  useEffect(() => {
    const onFinished = (appointment: Finished) => {
      ended(appointment.id);
      setListAppointments((prev) => prev && prev.filter((apt) => apt.id !== appointment.id));
      setFinished(({ count }) => ({ count: count + 1, last: appointment }));
    };
    // Without recovery events may be missing, and the clinic's own list is the truth again.
    const onConnect = () => {
      if (!socket.recovered) load();
    };
    socket.on("connect", onConnect);
    socket.on("appointmnents.finished", onFinished);
    load();
    return () => {
      socket.off("connect", onConnect);
      socket.off("appointmnents.finished", onFinished);
    };
  }, [load, ended]);

  // The row stays until the event comes, here as in every other window.
  const onAsk = useCallback(async (id: number, status: string) => {
    try {
      await setStatus(account, id, status);
      return true;
    } catch (error) {
      setRefusal({ sentence: (error as Error).message });
      load(); // somebody else may have been faster
      return false;
    }
  }, [load]);

  return (
    <>
      <div className="panel__list" id="list" tabIndex={0} role="region" aria-label="Lista de espera">
        {listAppointments === null
          ? <p className="lists__loading">Buscando a lista…</p>
          : <Groups appointments={listAppointments} onAsk={onAsk} />}
      </div>
      <Foot count={finished.count} last={finished.last} refusal={refusal} onReload={load} />
    </>
  );
}
