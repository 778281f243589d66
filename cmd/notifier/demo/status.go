package demo

// What the clinic calls the statuses of an appointment (its enum
// "AppointmentStatusEnum").
const (
	statusBooked    = "AGENDADO"
	statusArrived   = "CHECKIN"
	statusServing   = "EM_ATENDIMENTO"
	statusMissed    = "FALTOU"
	statusFinished  = "FINALIZADO"
	statusCancelled = "CANCELADO"
)

// comesFrom says from which statuses an appointment may reach the one in the
// key: what the reception's buttons offer, checked again on the server because
// two windows can press at once. One that is under way is finished and not
// cancelled, since cancelling does not free the doctor.
var comesFrom = map[string][]string{
	statusArrived:   {statusBooked},
	statusServing:   {statusArrived},
	statusFinished:  {statusServing},
	statusCancelled: {statusBooked, statusArrived},
}
