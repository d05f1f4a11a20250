"""Where items are kept between the socket and the reader."""
