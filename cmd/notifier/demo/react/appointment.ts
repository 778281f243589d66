/** What this page reads of an appointment, from the clinic's API and from the event alike. */
export interface Appointment {
  id: number;
  startTime: string;
  status: { code: string; name: string };
  doctor: { name: string };
  patient: { name: string };
  procedures: string[];
}

/** The event's data: of an appointment that is gone from the clinic only the id is told. */
export interface Finished {
  id: number;
  status?: { name: string };
  patient?: { name: string };
}
