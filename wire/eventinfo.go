package wire

// EventInfo says where the request came from that led to an event. It travels as event.info; a caller may supply it as eventInfo in
// the body of a request, where it is taken on trust. Each member is present only when it could be determined.
type EventInfo struct {
	// IPAddress is the address of the client.
	IPAddress string `json:"ipAddress,omitzero"`
	// UserAgent is the User-Agent header of the client.
	UserAgent string `json:"userAgent,omitzero"`
	// DeviceName is the name of the device that made the request.
	DeviceName string `json:"deviceName,omitzero"`
	// DeviceDescription describes it.
	DeviceDescription string `json:"deviceDescription,omitzero"`
	// DeviceType is the kind of device, for example BROWSER.
	DeviceType string `json:"deviceType,omitzero"`
	// OS is the operating system of the client.
	OS string `json:"os,omitzero"`
	// Location is the place derived from the address. Herald does not derive one itself; it passes on what a caller supplies.
	Location Location `json:"location,omitzero"`
	// Data holds free-form values that are kept with the event.
	Data Object `json:"data,omitzero"`
}

// Location is a place on earth as far as it is known.
type Location struct {
	City    string `json:"city,omitzero"`
	Country string `json:"country,omitzero"`
	// DisplayString is the place ready to show, for example "Springfield, EX, US".
	DisplayString string `json:"displayString,omitzero"`
	// Latitude in degrees, north is positive. Zero means unknown.
	Latitude float64 `json:"latitude,omitzero"`
	// Longitude in degrees, east is positive. Zero means unknown.
	Longitude float64 `json:"longitude,omitzero"`
	// Region is the state or province.
	Region string `json:"region,omitzero"`
	// Zipcode is the postal code.
	Zipcode string `json:"zipcode,omitzero"`
}
